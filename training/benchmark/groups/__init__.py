"""What is measured: each file is one table, `run(rounds)` to a `report.Section`."""
