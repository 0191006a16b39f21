"""What is served: kinds of the recorded server and of CRDs, and the discovery and OpenAPI documents about them."""
