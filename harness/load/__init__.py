"""Load: open arrivals, journeys and the transport that sends once."""
