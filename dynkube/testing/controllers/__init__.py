"""What happens without a request: contents from the start, garbage collection, namespaces that go away."""
