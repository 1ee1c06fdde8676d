"""The images of running guests: their locks, and the options that open them."""
