"""How a delivery reaches the landing: drop folder, paged service, front-end database (GB/T 39443)."""
