import gc

# Modules and tests stay, and the collector would look at them again and again: a tenth of the time of all tests.
gc.set_threshold(20_000)
