"""Our own interface under `/api/stats/v1`: what is sent and what is answered."""
