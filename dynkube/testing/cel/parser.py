"""Reading an expression: a recursive descent over the grammar of the CEL specification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynkube.testing.cel import lexer, macros
from dynkube.testing.cel.lexer import END, Token
from dynkube.testing.cel.source import CompilationError, Issue
from dynkube.testing.cel.syntax import Call, Entry, Identifier, ListLiteral, Literal, MapLiteral, Select, StructLiteral
from dynkube.testing.cel.values import UInt

if TYPE_CHECKING:
    from dynkube.testing.cel.syntax import Expression

#: How deep parts may stand inside one another: cel-go's limit of recursion.
_DEPTH: Final = 250
_RELATIONS = frozenset({"<", "<=", ">=", ">", "==", "!=", "in"})
#: What may stand where an operand is wanted, as ANTLR lists it.
_OPERANDS = "'.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"
_STARTS = frozenset({"[", "{", "(", ".", "-", "!", "true", "false", "null", "float", "int", "uint", "string", "bytes"})


def parse(text: str) -> Expression:
    """Return the tree of an expression, macros expanded. Raises CompilationError."""
    return _Parser(text).whole()


def _balanced(function: str, terms: list[Expression], offsets: list[int]) -> Expression:
    """Return ``a && b && c`` as a tree that is as flat as can be; a term's offset is that of the sign before it."""
    if len(terms) == 1:
        return terms[0]
    middle = (len(terms) + 1) // 2
    left = _balanced(function, terms[:middle], offsets[:middle])
    return Call(offsets[middle], function, None, [left, _balanced(function, terms[middle:], offsets[middle:])])


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens, self._issues = lexer.tokens(text)
        self._at = 0
        self._depth = 0

    def whole(self) -> Expression:
        found = self._expression()
        if self._token.kind != END:
            what = "extraneous" if self._tokens[self._at + 1].kind == END else "mismatched"
            raise self._syntax(f"{what} input '{self._token.text}' expecting <EOF>")
        if self._issues:
            raise CompilationError(self._text, self._issues)
        return found

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._token
        if token.kind != END:
            self._at += 1
        return token

    def _is(self, *kinds: str) -> bool:
        return self._token.kind in kinds

    def _skip(self, kind: str) -> bool:
        """Pass over a word if it comes next; tell whether it did."""
        found = self._is(kind)
        if found:
            self._next()
        return found

    def _expect(self, kind: str) -> Token:
        if self._token.kind != kind:
            before = self._tokens[self._at - 1]
            if kind == "name" and before.kind == ".":
                between = self._text[before.offset : self._token.offset]
                raise self._syntax(f"no viable alternative at input '{between}{self._token.text}'")
            if kind == ":":
                raise self._syntax(f"mismatched input '{self._token.text}' expecting ':'")
            if kind == "name":
                raise self._syntax(f"mismatched input '{self._token.text}' expecting IDENTIFIER")
            raise self._syntax(f"missing '{kind}' at '{self._token.text}'")
        return self._next()

    def _syntax(self, why: str) -> CompilationError:
        return self._wrong(self._token.offset, f"Syntax error: {why}")

    def _wrong(self, offset: int, why: str) -> CompilationError:
        return CompilationError(self._text, [*self._issues, Issue(offset, why)])

    def _expression(self) -> Expression:
        self._depth += 1
        if self._depth > _DEPTH:
            raise self._wrong(self._token.offset, f"expression recursion limit exceeded: {_DEPTH}")
        found = self._chain("||", "&&")
        if self._is("?"):
            operator = self._next()
            then = self._chain("||", "&&")
            self._expect(":")
            found = Call(operator.offset, "_?_:_", None, [found, then, self._expression()])
        self._depth -= 1
        return found

    def _chain(self, operator: str, *tighter: str) -> Expression:
        """Read the operands of a logical operator."""
        terms = [self._chain(*tighter) if tighter else self._relation()]
        offsets = [0]
        while self._is(operator):
            offsets.append(self._next().offset)
            terms.append(self._chain(*tighter) if tighter else self._relation())
        return _balanced(f"_{operator}_", terms, offsets)

    def _relation(self) -> Expression:
        found = self._sum()
        while self._is(*_RELATIONS):
            token = self._next()
            name = "@in" if token.kind == "in" else f"_{token.kind}_"
            found = Call(token.offset, name, None, [found, self._sum()])
        return found

    def _sum(self) -> Expression:
        found = self._product()
        while self._is("+", "-"):
            token = self._next()
            found = Call(token.offset, f"_{token.kind}_", None, [found, self._product()])
        return found

    def _product(self) -> Expression:
        found = self._unary()
        while self._is("*", "/", "%"):
            token = self._next()
            found = Call(token.offset, f"_{token.kind}_", None, [found, self._unary()])
        return found

    def _unary(self) -> Expression:
        if self._is("!"):
            return self._repeated("!", "!_")
        if self._is("-") and self._tokens[self._at + 1].kind not in ("int", "float"):
            return self._repeated("-", "-_")
        return self._member()

    def _repeated(self, operator: str, function: str) -> Expression:
        first, count = self._token, 0
        while self._is(operator):
            self._next()
            count += 1
        operand = self._member()
        return Call(first.offset, function, None, [operand]) if count % 2 else operand

    def _member(self) -> Expression:
        found = self._primary()
        while self._is(".", "["):
            operator = self._next()
            optional = self._skip("?")
            if operator.kind == "[":
                index = self._expression()
                self._expect("]")
                found = Call(operator.offset, "_[?_]" if optional else "_[_]", None, [found, index])
                continue
            if self._is("escaped"):
                raise self._wrong(self._token.offset, "unsupported syntax: '`'")
            name = self._expect("name")
            if self._is("(") and not optional:
                opening = self._next()
                found = self._call(opening, name.text, found, self._arguments(")"))
            else:
                found = Select(operator.offset, found, name.text, optional=optional)
        return found

    def _call(self, opening: Token, name: str, target: Expression | None, arguments: list[Expression]) -> Expression:
        try:
            return macros.expand(Call(opening.offset, name, target, arguments))
        except macros.MacroError as error:
            raise self._wrong(error.offset, str(error)) from None

    def _arguments(self, closing: str) -> list[Expression]:
        found: list[Expression] = []
        if not self._is(closing):
            if self._token.kind not in _STARTS | {"name"}:
                raise self._no_operand(closing)
            found.append(self._expression())
            while self._is(","):
                self._next()
                found.append(self._expression())
        if not self._is(closing):
            raise self._syntax(f"mismatched input '{self._token.text}' expecting {{'{closing}', ','}}")
        self._next()
        return found

    def _primary(self) -> Expression:
        token = self._token
        if token.kind == "(":
            self._next()
            found = self._expression()
            self._expect(")")
            return found
        if token.kind == "[":
            return self._list(self._next())
        if token.kind == "{":
            return self._map(self._next())
        if token.kind in (".", "name"):
            return self._name()
        return self._constant(self._next())

    def _constant(self, token: Token) -> Expression:
        negative = token.kind == "-"
        number = self._next() if negative else token
        if number.kind in ("true", "false"):
            return Literal(token.offset, number.kind == "true")
        if number.kind == "null":
            return Literal(token.offset, None)
        if number.kind in ("string", "bytes"):
            try:
                return Literal(token.offset, lexer.unquoted(number))
            except ValueError as error:
                raise self._wrong(token.offset, str(error)) from None
        if number.kind == "float":
            return Literal(token.offset, float(("-" if negative else "") + number.text))
        if number.kind in ("int", "uint"):
            return Literal(token.offset, self._integer(token, number, negative=negative))
        self._at = self._tokens.index(token)
        raise self._no_operand()

    def _no_operand(self, closing: str = "") -> CompilationError:
        following = self._tokens[min(self._at + 1, len(self._tokens) - 1)].kind
        what = "extraneous" if following in _STARTS or following == "name" else "mismatched"
        also = f"'{closing}', " if closing else ""
        return self._syntax(f"{what} input '{self._token.text}' expecting {{'[', '{{', '(', {also}{_OPERANDS}")

    def _integer(self, token: Token, number: Token, *, negative: bool) -> int:
        digits = number.text.rstrip("uU")
        value = int(digits, 16) if digits[:2] in ("0x", "0X") else int(digits)
        if number.kind == "uint":
            if value >= 2**64:
                raise self._wrong(token.offset, "invalid uint literal")
            return UInt(value)
        value = -value if negative else value
        if not -(2**63) <= value < 2**63:
            raise self._wrong(token.offset, "invalid int literal")
        return value

    def _name(self) -> Expression:
        first = self._token
        dot = "." if self._skip(".") else ""
        name = self._expect("name")
        if name.text in lexer.RESERVED:
            raise self._wrong(name.offset, f"reserved identifier: {name.text}")
        if self._is("("):
            opening = self._next()
            return self._call(opening, dot + name.text, None, self._arguments(")"))
        end = self._struct_opening()
        if end is not None:
            return self._struct(end, dot + name.text)
        return Identifier(first.offset, dot + name.text)

    def _struct_opening(self) -> int | None:
        """Return where the ``{`` of a message stands if what follows the name is one: ``pkg.Name{``."""
        at = self._at
        while self._tokens[at].kind == "." and self._tokens[at + 1].kind == "name":
            at += 2
        return at if self._tokens[at].kind == "{" else None

    def _struct(self, end: int, name: str) -> Expression:
        while self._at < end:
            name += self._next().text
        opening = self._next()
        values: list[Expression] = []
        while not self._is("}"):
            if self._is("?"):
                self._next()
            self._expect("name")
            self._expect(":")
            values.append(self._expression())
            if not self._is(","):
                break
            self._next()
        self._expect("}")
        return StructLiteral(opening.offset, name, values)

    def _list(self, opening: Token) -> Expression:
        elements: list[Expression] = []
        optional: set[int] = set()
        while not self._is("]"):
            if self._is("?"):
                self._next()
                optional.add(len(elements))
            elements.append(self._expression())
            if not self._is(","):
                break
            self._next()
        if not self._is("]"):
            raise self._syntax(f"mismatched input '{self._token.text}' expecting {{']', ','}}")
        self._next()
        return ListLiteral(opening.offset, elements, frozenset(optional))

    def _map(self, opening: Token) -> Expression:
        entries: list[Entry] = []
        while not self._is("}"):
            optional = self._skip("?")
            key = self._expression()
            self._expect(":")
            entries.append(Entry(key, self._expression(), optional))
            if not self._is(","):
                break
            self._next()
        if not self._is("}"):
            raise self._syntax(f"mismatched input '{self._token.text}' expecting {{'}}', ','}}")
        self._next()
        return MapLiteral(opening.offset, entries)
