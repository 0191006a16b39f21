"""Objects by their schemas: decoded as Go decodes, defaulted, pruned, validated."""
