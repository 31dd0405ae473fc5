"""Every model of the package, trained, exported to every format and run in every runtime."""
