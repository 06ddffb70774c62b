"""The bus: subjects and rights, messages over memory and NATS, the private server, leases."""
