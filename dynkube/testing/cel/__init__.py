"""The Common Expression Language, as far as rules of custom resource definitions (x-kubernetes-validations) use it.

The language (https://github.com/google/cel-spec) with the functions kube-apiserver 1.36 offers: `lexer`, `parser` and
`macros` read a text, `checker` finds the type of every part of it, `evaluator` turns it into a function, `library`
holds what can be called, and `environment` puts these together; `costs` tells what it takes at most. `schema_types`
and `schema_values` show objects of an OpenAPI schema to a rule; `definitions` checks the rules of a CRD, `rules`
compiles them once, and `validation` applies them to objects.
"""
