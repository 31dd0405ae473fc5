"""Groups of measurements: each file makes one table, with `run(rounds)`."""
