"""How a delivery reaches the landing: drop folder, SFTP, paged service, front-end database (GB/T 39443)."""
