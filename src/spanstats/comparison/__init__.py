"""Whether runs differ: what is compared, the sums that a comparison needs, and what may be concluded from them."""
