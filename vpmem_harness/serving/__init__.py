"""Event loop, listeners, watchdog and clocks: what every simulated server runs on."""
