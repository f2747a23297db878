"""The whole product as its users meet it: the command line, the real scheduler, database and services."""
