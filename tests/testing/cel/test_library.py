"""The functions of rules, one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.testing.cel import moments
from dynkube.testing.cel.values import Duration, EvaluationError, Timestamp
from testing.cel.test_language import evaluated


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # conversions
        ("int('42') + int(1.9) + int(3u)", 46),
        ("int(timestamp('1970-01-01T00:01:00Z'))", 60),
        ("int(duration('1s'))", 10**9),
        ("double('1.5')", 1.5),
        ("string(1) + string(1.5) + string(true) + string(b'a')", "11.5truea"),
        ("string(1e21) + ' ' + string(1e20) + ' ' + string(0.00001)", "1e+21 1e+20 1e-05"),
        ("string(123456789.0)", "1.23456789e+08"),
        ("string(duration('1h30m')) + string(duration('-1500ms'))", "5400s-1.5s"),
        ("string(timestamp('2023-02-03T04:05:06.5+01:00'))", "2023-02-03T04:05:06.5+01:00"),
        ("bool('true') && !bool('0')", True),
        # texts
        ("'hello'.charAt(1) + 'hello'.substring(3) + 'hello'.substring(0, 2)", "elohe"),
        ("'tacocat'.indexOf('a') + 'tacocat'.indexOf('a', 2) + 'tacocat'.lastIndexOf('a')", 11),
        ("'tacocat'.indexOf('z') + 'tacocat'.lastIndexOf('a', 2)", 0),
        ("'ABC'.lowerAscii() + 'abcÉ'.upperAscii()", "abcABCÉ"),
        ("'aaa'.replace('a', 'b') + 'aaa'.replace('a', 'b', 2)", "bbbbba"),
        ("'a,b,c'.split(',') + 'a,b,c'.split(',', 2) + 'ab'.split('')", ["a", "b", "c", "a", "b,c", "a", "b"]),
        ("' \\u00a0x\\t'.trim()", "x"),
        ("['a', 'b'].join() + ['a', 'b'].join('-')", "aba-b"),
        ("'abc'.startsWith('a') && 'abc'.endsWith('c') && 'abc'.contains('b')", True),
        ("'abc123'.matches('^[a-z]+[0-9]+$') && matches('x', 'x')", True),
        ("'ABC'.matches('^(?i)abc$') && !'a\\n'.matches('^a$')", True),
        ("'abc 123'.find('[0-9]+') + 'abc'.find('[0-9]+')", "123"),
        ("'a1b2c3'.findAll('[0-9]', 2)", ["1", "2"]),
        ("'%s %d %.2f %x %b %o %X'.format(['a', 7, 1.5, 255, 5, 8, 255])", "a 7 1.50 ff 101 10 FF"),
        ("'%s'.format([[1, 2]]) + '%s'.format([{'a': 'b'}])", '[1, 2]{"a":"b"}'),
        ("'%f %%'.format([1234.5])", "1,234.500000 %"),
        # lists and sets
        ("[1, 2, 3].sum() + [1, 2, 3].max() - [1, 2, 3].min()", 8),
        ("['a', 'b'].isSorted() && ![2, 1].isSorted()", True),
        ("[1, 2, 1].indexOf(1) + [1, 2, 1].lastIndexOf(1)", 2),
        ("[3, 1, 2].sort() + [1, 2].reverse() + [1, 1, 2].distinct()", [1, 2, 3, 2, 1, 1, 2]),
        ("[1, 2, 3].slice(1, 3) + lists.range(2) + [[1], [2]].flatten()", [2, 3, 0, 1, 1, 2]),
        ("[1, 2].first().value() + [1, 2].last().value()", 3),
        ("sets.contains([1, 2], [2]) && sets.equivalent([1, 1], [1]) && !sets.intersects([1], [2])", True),
        # times
        ("duration('90m').getHours() + duration('90m').getMinutes() + duration('1s').getSeconds()", 92),
        ("timestamp('2023-12-25T13:14:15.016Z').getMonth()", 11),
        ("timestamp('2023-12-25T00:00:00Z').getDate() + timestamp('2023-12-25T00:00:00Z').getDayOfMonth()", 49),
        ("timestamp('2023-12-25T00:00:00Z').getDayOfWeek()", 1),
        ("timestamp('2023-12-25T00:00:00Z').getDayOfYear()", 358),
        ("timestamp('2023-12-25T23:00:00Z').getHours('+02:30')", 1),
        ("timestamp('2023-12-25T13:14:15.016Z').getMilliseconds()", 16),
        ("timestamp('2023-01-01T00:00:00Z') - timestamp('2022-12-31T00:00:00Z') == duration('24h')", True),
        # urls
        ("url('https://u@example.com:80/a%20b?x=1&x=2').getQuery()", {"x": ["1", "2"]}),
        ("url('https://[::1]:80/a').getHostname() + url('https://e.com:80/').getPort()", "::180"),
        ("url('https://e.com/a b').getEscapedPath() + url('HTTP://e.com').getScheme()", "/a%20bhttp"),
        ("url('https://u@e.com:80/').getHost()", "e.com:80"),
        ("isURL('/path') && isURL('https://a:1/b') && !isURL('../x') && !isURL('http://a:b/') && !isURL('')", True),
        # addresses
        ("ip('::1').family() + ip('1.2.3.4').family()", 10),
        ("ip('127.0.0.1').isLoopback() && ip('::').isUnspecified() && ip('fe80::1').isLinkLocalUnicast()", True),
        ("ip('224.0.0.1').isLinkLocalMulticast() && ip('10.0.0.1').isGlobalUnicast()", True),
        ("ip.isCanonical('::1') && !ip.isCanonical('0:0::1')", True),
        ("isIP('1.2.3.4') && !isIP('1.2.3.04') && !isIP('::ffff:1.2.3.4') && !isIP('fe80::1%eth0')", True),
        ("cidr('10.0.0.0/8').containsIP('10.1.2.3') && cidr('10.0.0.0/8').containsIP(ip('10.1.2.3'))", True),
        ("cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.0.0.0/8').containsCIDR(cidr('0.0.0.0/0'))", True),
        ("string(cidr('10.1.2.3/8').masked()) + string(cidr('10.1.2.3/8').ip())", "10.0.0.0/810.1.2.3"),
        ("cidr('10.0.0.0/8').prefixLength()", 8),
        ("isCIDR('10.0.0.0/8') && !isCIDR('10.0.0.0') && !isCIDR('10.0.0.0/33') && !isCIDR('10.0.0.0/08')", True),
        # quantities
        ("quantity('1Gi').isGreaterThan(quantity('1G')) && quantity('1k') == quantity('1000')", True),
        ("quantity('500m').add(quantity('500m')).asInteger() + quantity('3').sub(1).asInteger()", 3),
        ("quantity('1500m').asApproximateFloat()", 1.5),
        ("quantity('1').compareTo(quantity('2')) + sign(quantity('-1'))", -2),
        ("isQuantity('1.5Gi') && !isQuantity('1.5Zi') && !quantity('1.5').isInteger()", True),
        # versions
        ("semver('1.2.3').major() + semver('1.2.3').minor() + semver('1.2.3').patch()", 6),
        ("semver('1.0.0-alpha').isLessThan(semver('1.0.0')) && semver('1.0.0-2').isLessThan(semver('1.0.0-10'))", True),
        ("semver('v1.10', true).compareTo(semver('1.9.9'))", 1),
        ("isSemver('1.2.3') && !isSemver('1.2') && !isSemver('v1.2.3') && isSemver('v01.2', true)", True),
        # forms
        ("format.dns1123Label().validate('a-b').hasValue() || !format.dns1123Label().validate('A').hasValue()", False),
        ("format.named('uuid').value().validate('x').value()", ["does not match the UUID format"]),
        ("format.named('nothing').hasValue() || format.dns1123LabelPrefix().validate('a-').hasValue()", False),
        ("format.date().validate('2023-13-01').hasValue() && format.byte().validate('*').hasValue()", True),
        ("optional.ofNonZeroValue('').hasValue() || optional.ofNonZeroValue([]).hasValue()", False),
        ("optional.unwrap([optional.of(1), optional.none()]) + [optional.of(2)].unwrapOpt()", [1, 2]),
    ],
)
def test_a_function_does_what_it_should(text: str, value: Any) -> None:
    """The value of a call."""
    assert evaluated(text) == value


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("int(s)", "type conversion error from 'string' to 'int'"),
        ("uint(-1)", "unsigned integer overflow"),
        ("s.substring(2, 1)", "invalid substring range. start: 2, end: 1"),
        ("s.charAt(9)", "index out of range: 9"),
        ("s.indexOf('a', -1)", "index out of range: -1"),
        ("[1].slice(0, 2)", "cannot slice(0, 2), list is length 1"),
        ("[1].filter(x, x > 1).max()", "max called on empty list"),
        (
            "'%d'.format([dyn('a')])",
            "error during formatting: decimal clause can only be used on integers, was given string",
        ),
        ("s.matches(s + '[')", "error parsing regexp: missing closing ]: `[`"),
        ("ip(s)", 'IP Address "x" parse error during conversion from string: ParseAddr("x"): unable to parse IP'),
        ("url(s)", 'URL parse error during conversion from string: parse "x": invalid URI for request'),
        ("semver(s)", "No Major.Minor.Patch elements found"),
        ("timestamp(s)", "type conversion error from 'string' to 'google.protobuf.Timestamp'"),
        ("timestamp('2023-01-01T00:00:00Z').getHours(s)", "unknown time zone x"),
        ("timestamp('9999-12-31T23:59:59Z') + duration('1s')", "timestamp overflow"),
        ("quantity(s + 'x')", "quantities must match the regular expression "),
        ("quantity('1.5').asInteger()", "cannot convert value to integer"),
        ("strings.quote(dyn(1))", "no such overload: strings.quote(int)"),
    ],
)
def test_a_function_refuses_what_it_cannot_do(text: str, error: str) -> None:
    """What goes wrong is told in the server's words."""
    with pytest.raises(EvaluationError) as caught:
        evaluated(text, s="x")
    assert str(caught.value).startswith(error)


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_duration_can_be_read_again(nanoseconds: int) -> None:
    """What a duration prints is that duration."""
    assert moments.parse_duration(moments.print_duration(Duration(nanoseconds))) == Duration(nanoseconds)


@given(st.integers(-62135596800 * 10**9, 253402300799 * 10**9), st.integers(-14 * 60, 14 * 60))
def test_a_timestamp_can_be_read_again(nanoseconds: int, minutes: int) -> None:
    """What a timestamp prints is that moment, in any zone in which its year has four digits."""
    if not -62135596800 <= nanoseconds // 10**9 + minutes * 60 <= 253402300799:
        minutes = 0
    moment = Timestamp(nanoseconds, minutes * 60)
    assert moments.parse_timestamp(moments.print_timestamp(moment)) == moment


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1h", 3600), ("2 days", 172800), ("1w", 604800), ("5 Minutes 2 secs", 302), ("-1s", -1), ("0", 0)],
)
def test_openapi_has_longer_durations(text: str, seconds: int) -> None:
    """A value of the format ``duration`` may have days and weeks, and words for units."""
    assert moments.parse_long_duration(text) == Duration(seconds * 10**9)


@pytest.mark.parametrize("text", ["", "x", "1y", "d", "1x"])
def test_other_texts_are_no_durations(text: str) -> None:
    """A text without any number and unit is no duration."""
    assert moments.parse_long_duration(text) is None
