"""The law on the court's list, read a second time: cases by hand, an oracle in plain Python, a year of events."""
