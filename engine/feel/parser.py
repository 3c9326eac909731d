"""Tokens to tree: a Pratt parser for the full grammar of FEEL (DMN 1.5, 10.3.1.2).

FEEL names may hold spaces, and even operators and keywords when the name is known: ``first-name`` is one name where something of
that name is in scope, else a subtraction. Words in a row that no keyword divides are one name in any case, as nothing else could
be meant; so only names with other signs in them (the *special* names) must be known to the parser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from . import advice, tree
from .lexer import FeelSyntaxError, Token, tokens, unescape, words
from .limits import MAX_DEPTH, MAX_NESTING, FeelLimitError
from .values import NUMBERS

T = TypeVar("T")

_KEYWORDS_AFTER_OPERAND = frozenset(
    {"then", "else", "in", "return", "satisfies", "and", "or", "between", "external"}
)
RESERVED = _KEYWORDS_AFTER_OPERAND | {
    "if",
    "for",
    "some",
    "every",
    "function",
    "true",
    "false",
    "null",
    "not",
}
_CONSTANTS = {"true": True, "false": False, "null": None}
_BUILT_IN_SPECIALS = ("date and time", "years and months duration", "days and time duration")
_COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})
# How tightly an operator binds: the order of the standard's grammar rules 2 and 4.
_POWER = {"or": 10, "and": 20, "between": 30, "in": 30, "+": 40, "-": 40, "*": 50, "/": 50, "**": 60}
_POWER.update(dict.fromkeys(_COMPARISONS, 30))
_NEGATION, _INSTANCE, _POSTFIX = 70, 80, 90
_VALUE = "一个值：数字、字符串、名称、括号、列表或 if、for 等"
_OPERATORS_ONLY = frozenset({"number", "string", "at", "name"})
_NAME_SIGNS = frozenset({"-", "+", "*", "**", "/", ".", "'", "’"})  # rule 30


def is_special(name: str) -> bool:
    """Whether an expression can only mean this name if the parser knows it; one that begins with a keyword can't be meant at all."""
    parts = words(name)
    return (
        parts is not None
        and parts[0] not in RESERVED
        and (
            " ".join(parts) != name
            or not all(part.isidentifier() and part not in _KEYWORDS_AFTER_OPERAND for part in parts)
            or advice.of_name(parts) is not None
        )
    )


def parse(source: str, specials: Iterable[str] = ()) -> tree.Node:
    """The tree of an expression.

    :param specials: the special names in scope
    :raises FeelSyntaxError: no FEEL expression
    :raises FeelLimitError: too long or nested too deeply
    """
    parser = _Parser(source, specials)
    return parser.whole(parser.expression)


def parse_unary_tests(source: str, specials: Iterable[str] = ()) -> tree.Tests:
    """The tree of a decision table's cell, such as ``-``, ``< 5, [8..9]`` or ``not("甲")``.

    :raises FeelSyntaxError: no unary tests
    :raises FeelLimitError: too long or nested too deeply
    """
    parser = _Parser(source, specials)
    return parser.whole(parser.unary_tests)


class _Names:
    """Special names as a tree of their words."""

    __slots__ = ("following", "name")

    def __init__(self) -> None:
        self.following: dict[str, _Names] = {}
        self.name: str | None = None

    def add(self, name: str) -> None:
        node = self
        for word in words(name) or ():
            node = node.following.setdefault(word, _Names())
        if node is not self and node.name is None:
            node.name = name

    def longest(self, tokens: list[Token], index: int) -> tuple[int, str]:
        """Where the longest name that begins at a token ends, and the name; 0 and nothing where none begins."""
        node = self.following.get(tokens[index].text)
        found = (0, "")
        while node is not None:
            index += 1
            if node.name is not None:
                found = (index, node.name)
            node = node.following.get(tokens[index].text) if index < len(tokens) else None
        return found


@lru_cache(maxsize=100)
def _known(names: frozenset[str]) -> _Names:
    """Those of a scope and the built-in ones; every cell of a model asks for the same."""
    known = _Names()
    for name in (*_BUILT_IN_SPECIALS, *sorted(names)):
        known.add(name)
    return known


class _Parser:
    def __init__(self, source: str, specials: Iterable[str]) -> None:
        self.source = source
        self.tokens = tokens(source)
        self.index = 0
        self.nesting = 0
        self.specials = _known(frozenset(specials))
        self.learned = _Names()

    def learn(self, name: str) -> None:
        """Take a special name into scope."""
        self.learned.add(name)

    # --- tokens ---

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def problem(self, expected: str, problem: str | None = None) -> FeelSyntaxError:
        token = self.token
        if problem is None:
            problem = "表达式不完整" if token.kind == "end" else f"意外的“{token.text}”"
        before = [each.text for each in self.tokens[max(0, self.index - 2) : self.index]]
        after = "" if token.kind == "end" else self.tokens[self.index + 1].text
        keyword = token.text in RESERVED and expected in (_VALUE, "名称")
        said = advice.of_tokens(before, token.text, after, expected, keyword)
        return FeelSyntaxError(self.source, token.position, problem, expected, said)

    def accept(self, text: str) -> bool:
        token = self.tokens[self.index]
        if token.text == text and token.kind in ("symbol", "name"):
            self.index += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.problem(f"“{text}”")

    def whole(self, rule: Callable[[], T]) -> T:
        node = rule()
        if self.token.kind != "end":
            raise self.problem("运算符或表达式的结尾")
        return node

    def separated(self, rule: Callable[[], T], end: str) -> tuple[T, ...]:
        """Things between commas up to the closing sign, which is consumed."""
        if self.accept(end):
            return ()
        items = [rule()]
        while self.accept(","):
            items.append(rule())
        if not self.accept(end):
            raise self.problem(f"“,”或“{end}”")
        return tuple(items)

    # --- names ---

    def known_name(self) -> str | None:
        """The longest special name that stands here; it is consumed."""
        end, name = max(
            self.specials.longest(self.tokens, self.index), self.learned.longest(self.tokens, self.index)
        )
        if not end:
            return None
        self.index = end
        return name

    def name(self) -> str:
        """A name in an expression, consumed."""
        known = self.known_name()
        if known is not None:
            return known
        if self.token.kind != "name":
            raise self.problem("名称")
        start = self.index
        self.index += 1
        while self.token.kind == "name" and not self.at_keyword():
            self.index += 1
        return " ".join(token.text for token in self.tokens[start : self.index])

    def at_keyword(self) -> bool:
        text = self.token.text
        return text in _KEYWORDS_AFTER_OPERAND or (
            text == "instance" and self.tokens[self.index + 1].text == "of"
        )

    def declared_name(self, *ends: str) -> str:
        """A name being declared: whatever stands before one of the signs; it is in scope from here on."""
        start = self.index
        while self.token.kind in ("name", "number") or self.token.text in _NAME_SIGNS:
            if self.token.text in ends:
                break
            self.index += 1
        found = self.tokens[start : self.index]
        named = bool(found) and found[0].kind == "name" and found[0].text not in RESERVED  # 10.3.1.4
        if not named or self.token.text not in ends:
            wanted = "、".join(f"“{end}”" for end in ends)
            if not named:
                self.index, wanted = start, "名称"
            raise self.problem(wanted)
        last = found[-1]
        name = " ".join(self.source[found[0].position : last.position + len(last.text)].split())
        if is_special(name):
            self.learn(name)
        return name

    # --- expressions ---

    def expression(self, power: int = 0) -> tree.Node:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise FeelLimitError("nesting", f"表达式嵌套过深，最多 {MAX_NESTING} 层。请拆成几个表达式。")
        node = self.infix(self.prefix() if power else self.operand(), power)
        self.nesting -= 1
        return node

    def operand(self) -> tree.Node:
        """What a whole expression starts with: also a range such as ``< 5`` (rule 7)."""
        text = self.token.text
        if self.token.kind == "symbol" and text in _COMPARISONS:
            self.index += 1
            return tree.UnaryRange(text, self.expression(30))
        return self.prefix()

    def infix(self, left: tree.Node, power: int) -> tree.Node:
        """Everything that follows an operand and binds more tightly than ``power``."""
        chain = 0
        while True:
            token = self.token
            if token.kind not in ("symbol", "name"):
                return left
            text = token.text
            chain += 1
            if chain > MAX_DEPTH:
                raise FeelLimitError(
                    "nesting", f"表达式的运算过多，连续最多 {MAX_DEPTH} 个。请拆成几个表达式。"
                )
            binding = _POWER.get(text)
            if binding is not None:
                if binding <= power:
                    return left
                self.index += 1
                left = self.operator(left, text, binding)
            elif text == "instance" and self.at_keyword():
                if power >= _INSTANCE:
                    return left
                self.index += 2
                left = tree.InstanceOf(left, self.type())
            elif text == "." and token.kind == "symbol":
                self.index += 1
                left = tree.Path(left, self.name())
            elif text == "(":
                self.index += 1
                left = self.call(left)
            elif text == "[" and self.starts_operand(self.index + 1):
                self.index += 1
                left = tree.Filter(left, self.expression())
                self.expect("]")
            else:
                return left

    def starts_operand(self, index: int) -> bool:
        """Tells a filter ``x[1]`` from the end of a range that excludes it, ``[1..x[``."""
        token = self.tokens[index]
        if token.kind == "name":
            known = self.specials.longest(self.tokens, index) > (0, "")
            return known or token.text not in _KEYWORDS_AFTER_OPERAND
        return token.kind in _OPERATORS_ONLY or token.text in ("(", "[", "{", "-")

    def operator(self, left: tree.Node, text: str, binding: int) -> tree.Node:
        if text in ("and", "or"):
            operands = [left, self.expression(binding)]
            while self.accept(text):
                operands.append(self.expression(binding))
            return tree.And(tuple(operands)) if text == "and" else tree.Or(tuple(operands))
        if text == "between":
            low = self.expression(binding)
            self.expect("and")
            return tree.Between(left, low, self.expression(binding))
        if text == "in":
            return self.tests_after_in(left)
        right = self.expression(binding)
        if binding == 30:
            return tree.Comparison(text, left, right)
        return tree.Arithmetic(text, left, right)

    def tests_after_in(self, value: tree.Node) -> tree.Node:
        if self.token.text == "(" and self.token.kind == "symbol":
            self.index += 1
            self.nesting += 1
            first = self.positive_test()
            self.nesting -= 1
            if self.accept(".."):
                return tree.In(value, (self.infix(self.interval(first, False), 30),))
            tests = [first]
            while self.accept(","):
                tests.append(self.positive_test())
            self.expect(")")
            if len(tests) == 1 and not isinstance(first, tree.UnaryTest):
                tests = [self.infix(first, 30)]
            return tree.In(value, tuple(tests))
        return tree.In(value, (self.positive_test(30),))

    def positive_test(self, power: int = 0) -> tree.Node:
        text = self.token.text
        if self.token.kind == "symbol" and text in _COMPARISONS:
            self.index += 1
            return tree.UnaryTest(text, self.expression(30))
        return self.expression(power)

    def unary_tests(self) -> tree.Tests:
        if self.token.text == "-" and self.tokens[self.index + 1].kind == "end":
            self.index += 1
            return tree.Tests(())
        if self.token.text == "not" and self.tokens[self.index + 1].text == "(":
            start = self.index
            self.index += 2
            negated = self.separated(self.positive_test, ")")
            if negated and self.token.kind == "end":
                return tree.Tests(negated, negated=True)
            self.index = start  # an expression that begins with not(...)
        tests = [self.positive_test()]
        while self.accept(","):
            tests.append(self.positive_test())
        return tree.Tests(tuple(tests))

    # --- what an operand starts with ---

    def prefix(self) -> tree.Node:
        token = self.token
        kind, text = token.kind, token.text
        if kind == "name":
            return self.word(text)
        self.index += 1
        if kind == "number":
            return tree.Number(self.number(token))
        if kind == "string":
            return tree.Text(unescape(text))
        if kind == "at":
            return tree.AtLiteral(unescape(text[text.index('"') :]))
        if kind == "symbol":
            rule = _SYMBOLS.get(text)
            if rule is not None:
                return rule(self)
        self.index -= 1
        raise self.problem(_VALUE)

    def number(self, token: Token) -> Decimal:
        try:
            return NUMBERS.create_decimal(token.text)
        except ArithmeticError:
            raise FeelSyntaxError(self.source, token.position, f"数字“{token.text[:40]}”超出范围") from None

    def word(self, text: str) -> tree.Node:
        known = self.known_name()
        if known is not None:
            return tree.Name(known)
        if text in _CONSTANTS:
            self.index += 1
            return tree.Constant(_CONSTANTS[text])
        rule = _WORDS.get(text)
        if rule is not None:
            self.index += 1
            return rule(self)
        if text in _KEYWORDS_AFTER_OPERAND:
            raise self.problem(_VALUE)
        if text == "not" and self.tokens[self.index + 1].text != "(":
            self.index += 1
            raise self.problem("“(”，例如 not(已提交)")
        start = self.index
        name = self.name()
        mistake = advice.of_name([token.text for token in self.tokens[start : self.index]])
        if mistake:
            found = self.tokens[start + mistake[0]]
            raise FeelSyntaxError(
                self.source, found.position, f"不认识的名称“{found.text}”", "名称或运算符", mistake[1]
            )
        return tree.Name(name)

    def negation(self) -> tree.Node:
        if (
            self.token.kind == "number"
        ):  # one literal with its sign (rule 35), which ``instance of`` takes whole
            self.index += 1
            return tree.Negation(tree.Number(self.number(self.tokens[self.index - 1])))
        return tree.Negation(self.expression(_NEGATION))

    def parenthesis(self) -> tree.Node:
        inner = self.expression()
        if self.accept(".."):
            return self.interval(inner, False)
        self.expect(")")
        return inner

    def bracket(self) -> tree.Node:
        if self.accept("]"):
            return tree.ListLiteral(())
        first = self.positive_test()
        if self.accept(".."):
            return self.interval(first, True)
        items = [first]
        while self.accept(","):
            items.append(self.positive_test())
        if not self.accept("]"):
            raise self.problem("“,”、“]”或“..”")
        return tree.ListLiteral(tuple(items))

    def open_bracket(self) -> tree.Node:
        start = self.expression(30)
        self.expect("..")
        return self.interval(start, False)

    def interval(self, start: tree.Node, included: bool) -> tree.Node:
        end = self.expression(30)
        for sign, end_included in (("]", True), (")", False), ("[", False)):
            if self.accept(sign):
                return tree.Interval(start, end, included, end_included)
        raise self.problem("区间的结尾“]”或“)”")

    def context(self) -> tree.Node:
        return tree.ContextLiteral(self.separated(self.entry, "}"))

    def entry(self) -> tuple[str, tree.Node]:
        if self.token.kind == "string":
            key = unescape(self.token.text)
            self.index += 1
        else:
            key = self.declared_name(":")
        self.expect(":")
        return key, self.expression()

    def conditional(self) -> tree.Node:
        condition = self.expression()
        self.expect("then")
        then = self.expression()
        self.expect("else")
        return tree.If(condition, then, self.expression())

    def iterators(self) -> tuple[tree.Iterator, ...]:
        found = [self.iterator()]
        while self.accept(","):
            found.append(self.iterator())
        return tuple(found)

    def iterator(self) -> tree.Iterator:
        name = self.declared_name("in")
        self.expect("in")
        source = self.expression()
        return tree.Iterator(name, source, self.expression() if self.accept("..") else None)

    def loop(self) -> tree.Node:
        iterators = self.iterators()
        self.expect("return")
        return tree.For(iterators, self.expression())

    def some(self) -> tree.Node:
        return self.quantified("some")

    def every(self) -> tree.Node:
        return self.quantified("every")

    def quantified(self, quantifier: str) -> tree.Node:
        iterators = self.iterators()
        self.expect("satisfies")
        return tree.Quantified(quantifier, iterators, self.expression())

    def function(self) -> tree.Node:
        self.expect("(")
        parameters = self.separated(self.parameter, ")")
        external = self.accept("external")
        return tree.FunctionLiteral(parameters, self.expression(), external)

    def parameter(self) -> tuple[str, tree.Type | None]:
        name = self.declared_name(":", ",", ")")
        return name, self.type() if self.accept(":") else None

    # --- calls and types ---

    def call(self, function: tree.Node) -> tree.Node:
        named = self.argument_name()
        if named is None:
            return tree.Call(function, self.separated(self.expression, ")"))
        names: list[str] = []
        arguments: list[tree.Node] = []
        while True:
            if named is None:
                raise self.problem("参数名")
            names.append(named)
            arguments.append(self.expression())
            if not self.accept(","):
                break
            named = self.argument_name()
        self.expect(")")
        return tree.Call(function, tuple(arguments), tuple(names))

    def argument_name(self) -> str | None:
        """``name:`` before an argument, consumed; None where there is none."""
        start = index = self.index
        known = self.known_name()
        if known is not None and self.accept(":"):
            return known
        self.index = start
        while self.tokens[index].kind in ("name", "number") or self.tokens[index].text in _NAME_SIGNS:
            index += 1
        if index == self.index or self.tokens[index].text != ":" or self.token.kind != "name":
            return None
        last = self.tokens[index - 1]
        name = self.source[self.token.position : last.position + len(last.text)]
        self.index = index + 1
        return " ".join(name.split())

    def type(self) -> tree.Type:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise FeelLimitError("nesting", f"类型嵌套过深，最多 {MAX_NESTING} 层。")
        found = self.type_here()
        self.nesting -= 1
        return found

    def type_here(self) -> tree.Type:
        text = self.token.text
        generic = text in ("list", "range", "context", "function")
        if generic and self.tokens[self.index + 1].text == "<":
            self.index += 2
            if text == "context":
                return tree.ContextType("context", self.separated(self.type_entry, ">"))
            if text == "function":
                parameters = self.separated(self.type, ">")
                self.expect("->")
                return tree.FunctionType("function", parameters, self.type())
            element = self.type()
            self.expect(">")
            return tree.ListType("list", element) if text == "list" else tree.RangeType("range", element)
        if text == "function" and self.tokens[self.index + 1].text == "(":
            raise self.problem("“function<参数类型> -> 类型”")
        name = self.name()
        while self.accept("."):
            name += "." + self.name()
        return tree.Type(name)

    def type_entry(self) -> tuple[str, tree.Type]:
        name = self.declared_name(":")
        self.expect(":")
        return name, self.type()


_SYMBOLS: dict[str, Callable[[_Parser], tree.Node]] = {
    "-": _Parser.negation,
    "(": _Parser.parenthesis,
    "[": _Parser.bracket,
    "]": _Parser.open_bracket,
    "{": _Parser.context,
}
_WORDS: dict[str, Callable[[_Parser], tree.Node]] = {
    "if": _Parser.conditional,
    "for": _Parser.loop,
    "some": _Parser.some,
    "every": _Parser.every,
    "function": _Parser.function,
}
