"""One module for each screen: ask the interface, shape the answer for the template."""
