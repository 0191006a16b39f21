"""The wire: connections, request lines and options read, answers and failures written in the form a client asks for."""
