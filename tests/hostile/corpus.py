"""The corpus, as data: for each request its bytes and the status that it must get, on either store.

The service behind it has the scale 0 to 5, users u0 to u11, items i0 to i7 and a model of them, and no API keys.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

JSON = b"application/json"
NDJSON = b"application/x-ndjson"
LONG = b"x" * 257
FITS = b"x" * 256


@dataclass(frozen=True)
class Case:
    """A request as it goes over the wire."""

    name: str
    raw: bytes
    status: int


def corpus() -> Iterator[Case]:
    """Give every case, each of its own name."""
    yield from _named("value", _each(_rating_of_value, VALUES))
    yield from _named("user_id", _each(lambda it: _post(b"/ratings", _rating(user_id=it)), IDS))
    yield from _named("item_id", _each(lambda it: _post(b"/ratings", _rating(item_id=it)), IDS))
    yield from _named("timestamp", _each(lambda it: _post(b"/ratings", _rating(timestamp=it)), TIMESTAMPS))
    yield from _named("ratings", _each(lambda it: _post(b"/ratings", it), BODIES))
    yield from _named("ndjson", _each(lambda it: _post(b"/ratings", it, NDJSON), LINES))
    yield from _named("type", _each(lambda it: _sent(b"POST", b"/ratings", it, _rating()), CONTENT_TYPES))
    yield from _named("user path", _each(lambda it: _sent(b"GET", b"/users/%s/ratings" % it), PATH_IDS))
    yield from _named(
        "item path",
        _each(
            lambda it: _sent(
                b"GET", b"/items/%s/similar%s" % (it.partition(b"?")[0], b"".join(it.partition(b"?")[1:]))
            ),
            ITEM_PATHS,
        ),
    )
    yield from _named("path", _each(lambda it: _sent(b"GET", it), PATHS))
    yield from _named("query", _each(lambda it: _sent(b"GET", b"/users/u1/recommendations?" + it), QUERIES))
    yield from _named("question", _each(lambda it: _post(b"/recommendations", it), QUESTIONS))
    yield from _named("item", _each(lambda it: _sent(b"PUT", b"/items/i1", _type(JSON), it), ITEMS))
    yield from _named("header", _each(lambda it: b"GET /items/popular HTTP/1.1\r\n" + it + b"\r\n", HEADERS))
    yield from _named("framing", _each(lambda it: it, FRAMINGS))
    yield from _named("method", _each(lambda it: _sent(it, b"/ratings"), METHODS))
    yield from _named("write", _each(lambda it: _sent(b"POST", b"/training-runs", it), WRITES))


# fmt: off
VALUES: dict[int, list[bytes]] = {
    200: [
        b"0",
        b"5",
        b"3",
        b"3.5",
        b"0.0",
        b"-0",
        b"-0.0",
        b"5e0",
        b"50e-1",
        b"1e-300",
        b"1e-999",
        b"0." + b"3" * 9999,
    ],
    422: [
        *(b"NaN", b"nan", b"Infinity", b"-Infinity", b"inf", b"1e999", b"-1e999", b"1e308", b"1e400", b"-0.1"),
        *(b"5.0000001", b"-1e-300", b'"NaN"', b'"3"', b'""', b'"Infinity"', b"true", b"false", b"null", b"[]", b"{}"),
        *(b"[3]", b'{"value":3}', b"9223372036854775807", b"9223372036854775808", b"18446744073709551616", b"0x3"),
        *(b"03", b"+3", b".5", b"3.", b"3_0", b"3e", b"--3", b"3,0", "٣".encode(), b"9" * 5000, b"", b"undefined"),
        *(b"3/**/", b"3 4", b"3;", b"'3'"),
    ],
}

IDS: dict[int, list[bytes]] = {
    200: [
        *(b'"a"', b"7", b"0", b"-1", b"1e3", b"60.0", b"9223372036854775808", b'"%s"' % FITS, b'" "', b'"."', b'".."', b'"a/b"'),
        *(
            b'"%00"',
            b'"%FF"',
            b'"null"',
            b'"\'; DROP TABLE ratings; --"',
            b'"{}"',
            b'"$1"',
            b'"%s"',
            b'"../../etc/passwd"',
        ),
        *(
            '"é"'.encode(),
            '"e\u0301"'.encode(),
            ('"' + "é" * 128 + '"').encode(),
            '"日本"'.encode(),
            '"👩\u200d🚀"'.encode(),
        ),
        *(
            rb'"\ud83d\ude00"',
            '"\u2028"'.encode(),
            '"\ufeff"'.encode(),
            '"\u202e"'.encode(),
            '"\uffff"'.encode(),
            rb'"\\"',
        ),
        *(b'"\xf4\x8f\xbf\xbf"', rb'"\""', b'"<script>"', b'"__proto__"', b'"a:b,[c]{d}"'),
    ],
    422: [
        *(
            b'""',
            rb'"\u0000"',
            rb'"a\u0000b"',
            rb'"\n"',
            rb'"a\r\nb"',
            rb'"\t"',
            rb'"\u001f"',
            rb'"\u007f"',
            rb'"\u0080"',
        ),
        *(rb'"\u009f"', rb'"\ud800"', rb'"\udfff"', rb'"\ud800a"', rb'"\ude00\ud83d"', b'"%s"' % LONG),
        *(('"' + "é" * 129 + '"').encode(), b'"' + b"x" * 1_000_000 + b'"', b"true", b"null", b"1.5", b"1e300", b"[]"),
        *(
            b"{}",
            b'["u"]',
            b"NaN",
            b"9" * 257,
            b'"\xff"',
            b'"\xc0\x80"',
            b'"\xed\xa0\x80"',
            b'"\xe2\x82"',
            b'"\xf5\x80\x80\x80"',
        ),
        *(b'"\x01"', b'"a\x00b"', b'"a\nb"', b'"\x7f"', b'"\xc2\x85"', rb'"\x41"', rb'"\u12"', b'"a', b"'a'"),
    ],
}

TIMESTAMPS: dict[int, list[bytes]] = {
    200: [
        b"0",
        b"1",
        b"1.5",
        b"null",
        b'"2020-01-01T00:00:00Z"',
        b'"2020-01-01T00:00:00.5+02:00"',
        b'"1970-01-01T00:00:00Z"',
    ],
    422: [
        *(
            b"-1",
            b"-0.5",
            b"true",
            b'""',
            b'"now"',
            b'"0"',
            b'"2020-01-01"',
            b'"2020-01-01T00:00:00"',
            b'"9999-12-31T23:59:59Z"',
        ),
        *(b'"0000-01-01T00:00:00Z"', b'"10000-01-01T00:00:00Z"', b'"2020-13-01T00:00:00Z"', b'"2020-02-30T00:00:00Z"'),
        *(
            b'"2020-01-01T25:00:00Z"',
            b'"1969-12-31T23:59:59Z"',
            b"1e400",
            b"NaN",
            b"99999999999",
            b"9e18",
            b"1e300",
            b"[]",
        ),
        *(
            b"{}",
            '"２０２０-01-01T00:00:00Z"'.encode(),
            b"9223372036854775807",
            b"9" * 400,
            b'"2020-01-01T00:00:00+99:99"',
        ),
    ],
}

_R = b'{"user_id":"u","item_id":"i","value":3}'
BODIES: dict[int, list[bytes]] = {
    200: [b"[]", b" \n\t[%s]\r\n " % _R, b"[%s,%s]" % (_R, _R), b"[" + b",".join([_R] * 10_000) + b"]"],
    413: [b"[" + b"[]," * 2_600_000 + b"1]", b"[" + b"1," * 3_900_000 + b"1]", b" " * 8_000_001, b"[" + b'"",' * 2_000_000 + b"1]"],
    422: [
        *(b"", b" ", b"{", b"[", b"}", b"null", b"true", b"3", b'"x"', b"[[]]", b"[null]", b"[3]", b"{}", b"[{}]", b"NaN"),
        *(_R[:-1], _R + b"]", b"[%s" % _R, b"[%s,]" % _R, b"%s,%s" % (_R, _R), b"%s\n%s" % (_R, _R), b"[[%s]]" % _R),
        *(_R[:-1] + b',"extra":1}', _R[:-1] + b',"value":4}', b'{"value":4,' + _R[1:], b'{"user_id":"other",' + _R[1:]),
        *(b'[%s,{"value":4,%s]' % (_R, _R[1:]), rb'{"user_id":"\u003a",' + _R[1:], _R[:-1] + b',"":1}', _R[:-1] + b',"a\\u0000":1}'),
        *(_R.replace(b"user_id", b"USER_ID"), _R.replace(b"user_id", b"user_id "), b"\xef\xbb\xbf" + _R, _R.decode().encode("utf-16")),
        *(_R + b"\0", b"\0", b"\xff\xfe", b"/**/" + _R, b"[" * 100_000, b"[" * 1000 + b"]" * 1000, b'{"a":' * 5000 + b"1" + b"}" * 5000),
        *(b"[" + b",".join([_R] * 10_001) + b"]", b"user_id=u&item_id=i&value=3", b"<rating/>", b"a" * 100_000, b'{"user_id":' * 190),
    ],
}

LINES: dict[int, list[bytes]] = {
    200: [b"", b"\n", b"\n\n\n", _R, _R + b"\n", _R + b"\r\n" + _R, b" " + _R + b" \n", b"\r\n"],
    422: [
        *(b"{", b"[]", b"[%s]" % _R, b"null", b"%s,%s" % (_R, _R), b"%s %s" % (_R, _R), _R + b"\n{", b"\0\n", b"\xff\n", _R + b"\0"),
        *(b"{},{}", _R[:-1] + b',"value":4}\n', b"x" * 70_000, b"{" * 70_000, b'{"user_id":"' + b"x" * 70_000 + b'"}\n'),
        *(b"\xef\xbb\xbf" + _R, _R + b"\n" + b"\n" * 6000 + b"{", b"}\n{", b"%s}\n{%s" % (_R[:-1], _R[1:] + b"x")),
    ],
}


def _type(content_type: bytes) -> bytes:
    return b"Content-Type: %s\r\n" % content_type


CONTENT_TYPES: dict[int, list[bytes]] = {
    200: [_type(b"APPLICATION/JSON"), _type(b"application/json; charset=utf-8"), _type(JSON) + b"Content-Encoding: identity\r\n"],
    415: [
        *(b"", _type(b""), _type(b"text/plain"), _type(b"text/json"), _type(b"application/jsonx"), _type(b"application/x-json")),
        *(_type(b"multipart/form-data; boundary=x"), _type(b"application/x-www-form-urlencoded"), _type(b"*/*")),
        *(_type(JSON) + b"Content-Encoding: %s\r\n" % it for it in (b"gzip", b"br", b"deflate", b"identity, gzip", b"", b"x")),
        *(_type(b"application/json, text/plain"), _type(b"application/xml"), _type(b"\xff"), _type(NDJSON) + b"Content-Encoding: gzip\r\n"),
    ],
}

PATH_IDS: dict[int, list[bytes]] = {
    200: [
        *(b"u1", b"a%2Fb", b"%2e%2e%2f%2e%2e%2fetc", b"%25", b"%C3%A9", b"%F0%9F%98%80", b"%20", b"a;b=c", b"a&b", b"+", b"~"),
        *(b"%2E", b"%E2%80%A8", FITS, b"%61" * 256, b"%3Fn=0", b"%23", b"%25%30%30", b"'--", b"$(id)", b"{user_id}", b"*", b"@:"),
    ],
    422: [
        *(b"%FF", b"%FE", b"%zz", b"%", b"%2", b"%%", b"%2%2", b"%00", b"a%00", b"%0A", b"%0d%0a", b"%09", b"%7F", b"%C2%80", b"%C0%80"),
        *(b"%ED%A0%80", b"%E2%82", b"%F5%80%80%80", LONG, b"%61" * 257, b"%C3%A9" * 129, b"x" * 10_000, b"%u0041", b"%c0%af"),
    ],
    404: [b"", b"/", b"a/b", b"../users/u1", b"u1/ratings/.."],
}

ITEM_PATHS: dict[int, list[bytes]] = {
    200: [b"i1", b"%69%31", b"i1?n=1000", b"i1?category=%00", b"i1?metric=dot", b"i1?category=" + FITS, b"i1?n=5&n=6"],
    404: [b"nothing", b"a%2Fb", FITS, b"", b"%F0%9F%98%80"],
    422: [b"%FF", b"%00", LONG, b"i1?n=0", b"i1?n=1001", b"i1?metric=", b"i1?metric=DOT", b"i1?category=" + LONG, b"i1?n=" + b"9" * 5000],
}

PATHS: dict[int, list[bytes]] = {
    200: [b"/health/live", b"/health/live?x=%FF", b"/items?q=%00", b"/items?q=%25_%5C", b"/docs", b"/openapi.json", b"/health/ready#x"],
    404: [
        *(b"/", b"//", b"/x", b"/ratings/", b"/RATINGS", b"/users", b"/items/similar/..", b"/health", b"/health/live/", b"//health/live", b"/.env"),
        *(b"/health//live", b"/health/../health/live", b"/%68ealth/live", b"/health%2Flive", b"/items/popular/", b"/redoc", b"/..", b"/favicon.ico"),
        *(b"/items/nothing", b"/erasures/1", b"/training-runs/9223372036854775807", b"/docs/", b"/openapi.json/", b"/static/../app/main.py", b"/%00"),
    ],
    405: [b"/ratings", b"/users/u1", b"/recommendations"],
    422: [
        *(b"/erasures/0", b"/erasures/-1", b"/erasures/x", b"/erasures/9223372036854775808", b"/erasures/1e3", b"/erasures/%31%00"),
        *(b"/training-runs/0", b"/training-runs/%FF", b"/training-runs/" + b"9" * 4000, b"/training-runs/1.5", b"/training-runs?n=0"),
        *(b"/items?n=0", b"/items?cursor=!", b"/items?cursor=AA", b"/items?cursor=" + b"A" * 9999, b"/items?q=" + b"x" * 1001),
        *(b"/users/u1/predictions", b"/users/u1/predictions?item=" + LONG, b"/users/u1/similar?n=-1", b"/onboarding?n=1e2", b"/items/%80"),
    ],
}

QUERIES: dict[int, list[bytes]] = {
    200: [
        *(b"", b"&&&", b"=", b"n=1", b"n=1000", b"exclude_rated=false", b"exclude=i1&exclude=i1", b"category=", b"category=nothing", b"n=%35"),
        *(b"unknown=1", b"explain=1", b"diversity=1", b"explore=1&seed=0", b"seed=9223372036854775807", b"exclude=%00", b"exclude=%FF"),
        *(b"diversity=1e-300", b"exclude=" + FITS, b"cursor=", b"category=%F0%9F%98%80", b"&".join([b"exclude=x"] * 1000)),
    ],
    422: [
        *(b"n=0", b"n=-1", b"n=1001", b"n=NaN", b"n=1e3", b"n=", b"n=x", b"n=0x5", b"n=5.5", b"n=%00", b"n=" + b"9" * 5000, b"n=true", b"n=null"),
        *(b"n=-9223372036854775809", b"n=%EF%BC%95", b"diversity=NaN", b"diversity=inf", b"diversity=1e999", b"diversity=-0.1", b"diversity=2"),
        *(b"diversity=", b"explore=nan", b"explore=1.0001", b"seed=-1", b"seed=9223372036854775808", b"seed=1e400", b"seed=x", b"explain=maybe"),
        *(b"exclude_rated=2", b"exclude_rated=%00", b"cursor=!", b"cursor=AAAA", b"cursor=%FF", b"cursor=" + b"A" * 60_001, b"cursor=null"),
        *(b"category=" + LONG, b"exclude=" + LONG, b"&".join([b"exclude=x"] * 1001)),
    ],
}

_TEN_THOUSAND = b",".join([b'"i%d"' % number for number in range(10_000)])
QUESTIONS: dict[int, list[bytes]] = {
    200: [
        *(b"{}", b'{"user_id":"u1"}', b'{"user_id":1}', b'{"user_ids":["u1","u2"]}', b'{"ratings":[{"item_id":"i1","value":5}]}'),
        *(b'{"user_id":"u1","exclude":[%s]}' % _TEN_THOUSAND, b'{"candidates":[%s]}' % _TEN_THOUSAND, b'{"candidates":[]}', b'{"n":null}', b'{"n":5.0}'),
        *(b'{"user_id":"u1","ratings":[{"item_id":"i1","value":null}]}', b'{"ratings":[{"item_id":"i1","value":1},{"item_id":"i1","value":5}]}'),
    ],
    413: [b'{"exclude":[' + b'"a",' * 1_500_000 + b'"a"]}'],
    422: [
        *(b"", b"[]", b"null", b'"u1"', b'{"user_id":""}', b'{"user_id":true}', b'{"n":0}', b'{"n":1001}', b'{"n":"5"}', b'{"n":5.5}', b'{"n":true}'),
        *(b'{"diversity":NaN}', b'{"diversity":1e999}', b'{"diversity":"0.5"}', b'{"explore":-1}', b'{"seed":-1}', b'{"seed":9223372036854775808}'),
        *(b'{"ratings":[{"item_id":"i1","value":NaN}]}', b'{"ratings":[{"item_id":"i1","value":6}]}', b'{"ratings":[{"item_id":"i1","value":"3"}]}'),
        *(b'{"ratings":[{"item_id":"","value":3}]}', b'{"ratings":[{"item_id":"i1"}]}', b'{"ratings":[{"item_id":"i1","value":true}]}'),
        *(b'{"ratings":{"i1":5}}', b'{"ratings":null}', b'{"user_id":"u1","user_ids":["u2"]}', b'{"user_ids":["\\u0000"]}', b'{"user_ids":"u1"}'),
        *(b'{"user_ids":[%s]}' % b",".join([b'"u%d"' % number for number in range(101)]), b'{"exclude":[%s,"x"]}' % _TEN_THOUSAND),
        *(b'{"candidates":[%s,"x"]}' % _TEN_THOUSAND, b'{"exclude":"i1"}', b'{"exclude":[null]}', b'{"category":[1]}', b'{"category":["%s"]}' % LONG),
        *(b'{"cursor":"x"}', b'{"cursor":1}', b'{"aggregate":"max"}', b'{"compare":true}', b'{"explain":"yes"}', b'{"explain_limit":-1}', b'{"x":1}'),
        *(b'{"n":1,"n":2}', b'{"exclude_rated":1}', b'{"candidates":["\\ud800"]}', b'{"cursor":"%s"}' % (b"A" * 600_001), b'{"user_id":"u1"}x'),
    ],
}

ITEMS: dict[int, list[bytes]] = {
    200: [
        *(b"{}", b'{"title":"x"}', b'{"title":null}', b'{"hidden":true}', b'{"hidden":false}', '{"title":"👩\u200d🚀"}'.encode(), b'{"categories":[]}'),
        *(b'{"attributes":{}}', b'{"attributes":{"a":[1,2.5,null,true,"x",{}]}}', b'{"attributes":{"":0}}', b'{"attributes":{"\\u0000":1}}', b'{"attributes":{"a":"\\u0000"}}',b'{"available_from":0}'),
        *(b'{"title":"a\\nb"}', b'{"attributes":{"a":%s}}' % (b"[" * 190 + b"]" * 190), ),
    ],
    422: [
        *(b"", b"[]", b"null", b'{"title":1}', b'{"title":"\\u0000"}', b'{"title":"\\ud800"}', b'{"title":"%s"}' % (b"x" * 1001), b'{"hidden":1}'),
        *(b'{"hidden":"true"}', b'{"hidden":null}', b'{"categories":"x"}', b'{"categories":[""]}', b'{"categories":["\\n"]}', b'{"categories":[1]}'),
        *(b'{"categories":[%s"x"]}' % (b'"x",' * 100), b'{"categories":null}', b'{"attributes":[]}', b'{"attributes":null}', b'{"attributes":{"a":NaN}}'),
        *(b'{"attributes":{"a":1e999}}', b'{"attributes":{"a":%s}}' % (b"9" * 40), b'{"attributes":{"a":"%s"}}' % (b"x" * 16_384)),
        *(b'{"attributes":{"a":"\\ud800"}}', b'{"attributes":%s}' % (b'{"a":' * 300)),
        *(b'{"attributes":{"a":1,"a":2}}', b'{"item_id":"i2"}', b'{"title":"a","title":"b"}'),
        *(b'{"available_from":-1}', b'{"available_from":1e300}', b'{"available_from":"x"}', b'{"available_from":2,"available_until":1}'),
        *(b'{"available_from":1,"available_until":0}', b'{"available_until":-1e-300}'),
        *(b'{"available_until":"9999-12-31T23:59:59.999999+00:00x"}', b'{"available_from":true}', b'{"available_from":[]}'),
    ],
}

_HOST = b"Host: localhost\r\n"
_CLOSE = b"Connection: close\r\n"
HEADERS: dict[int, list[bytes]] = {
    200: [
        _HOST + _CLOSE + extra
        for extra in (
            *(b"", b"X-Api-Key: x\r\n", b"Authorization: Bearer\r\n", b"Range: bytes=0-1\r\n", b"Accept: */*;q=2\r\n", b"Cookie: a=\xff\r\n"),
            *(b"X-HTTP-Method-Override: DELETE\r\n", b"X-Forwarded-Host: evil.example\r\n", b"X-Forwarded-For: \xff, ::1\r\n", b"TE: trailers\r\n"),
            *(b"Forwarded: host=evil\r\n", b"X-Request-ID: \xff\r\n", b"X-Request-ID: " + LONG + b"\r\n", b"Origin: https://evil.example\r\n"),
            *(b"If-None-Match: *\r\n", b"Accept-Encoding: gzip;q=nan\r\n", b"X: " + b"a" * 60_000 + b"\r\n", b"Sec-Fetch-Site: cross-site\r\n"),
            *(b"X-Original-URL: /models\r\n", b"X: \x80\r\n", b"Expect: 100-continue\r\n", b"X-Forwarded-Proto: javascript\r\n"),
        )
    ]
    + [_CLOSE + b"Host: %s\r\n" % it for it in (b"localhost:1", b"127.0.0.1:99999", b"[::1]", b"[::1]:8000", b"LOCALHOST".lower())],
    421: [
        _CLOSE + it
        for it in (
            *(b"", b"Host:\r\n", b"Host: evil.example\r\n", b"Host: localhost.evil.example\r\n", b"Host: 127.0.0.1.nip.io\r\n", b"Host: \xff\r\n"),
            *(b"Host: localhost@evil.example\r\n", b"Host: evil.example:localhost\r\n", b"Host: 0.0.0.0\r\n", b"Host: 127.0.0.1 evil\r\n"),
            *(b"Host: localhost:80:80\r\n", b"Host: [::1\r\n", b"Host: localhost/\r\n", b"Host: http://localhost\r\n", b"Host: 2130706433\r\n"),
        )
    ],
    400: [
        _HOST + it
        for it in (
            *(b"no colon\r\n", b": empty\r\n", b"a b: c\r\n", b"X: a\0b\r\n", b"X\xff: a\r\n", b"X: a\rb\r\n", b"Content-Length: x\r\n", b" folded\r\n"),
            *(b"Host: localhost\r\n", b"Host: evil.example\r\n"),  # another one
            *(b"Content-Length: -1\r\n", b"Content-Length: 99999999999999999999999\r\n", b"Content-Length: 1\r\nContent-Length: 2\r\n"),
            *(b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked, identity\r\n", b"Transfer-Encoding : chunked\r\n"),
        )
    ],
    431: [_HOST + b"X: " + b"a" * 70_000 + b"\r\n", _HOST + b"".join(b"X-%d: %s\r\n" % (n, FITS) for n in range(300))],
}

_CHUNKED = b"POST /ratings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
FRAMINGS: dict[int, list[bytes]] = {
    200: [
        *(_CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(_R), _R), _CHUNKED + b"%x;a=b\r\n%s\r\n0\r\nTrailer: x\r\n\r\n" % (len(_R), _R)),
        _CHUNKED.replace(b"close\r\n", b"Upgrade, close\r\nUpgrade: h2c\r\n") + b"%x\r\n%s\r\n0\r\n\r\n" % (len(_R), _R),
        *(b"GET /health/live HTTP/1.0\r\nHost: localhost\r\n\r\n", b"\r\n\r\nGET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    ],
    400: [
        *(b"\0\r\n\r\n", b"x\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1 x\r\n\r\n"),
        *(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"get / HTTP/1.1\r\n\r\n"),
        *(_CHUNKED + b"zz\r\n", _CHUNKED + b"-1\r\n", _CHUNKED + b"ffffffffffffffffff\r\n", _CHUNKED + b"3\r\nabcdef\r\n", b"GET /a b HTTP/1.1\r\n\r\n"),
    ],
    431: [
        *(_CHUNKED + b"%x\r\n%s\r\n0\r\n%s" % (len(_R), _R, it) for it in (b"X: " + b"a" * 500_000, b"X: a\r\n" * 90_000)),
        _CHUNKED + b"%x;" % len(_R) + b"a" * 500_000,
    ],
    413: [_CHUNKED + b"7a1201\r\n" + b" " * 8_000_001, b"POST /ratings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 8000001\r\n\r\n"],
}

METHODS: dict[int, list[bytes]] = {
    405: [b"GET", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"HEAD", b"TRACE", b"PROPFIND", b"SEARCH", b"REPORT"],
    400: [b"FOO", b"POSTS", b"post", b"P\xc3\x96ST", b"\x00"],
}

WRITES: dict[int, list[bytes]] = {
    202: [_type(JSON), _type(NDJSON), _type(JSON) + b"Origin: http://localhost\r\n", _type(JSON) + b"Sec-Fetch-Site: same-origin\r\n"],
    403: [
        *(_type(JSON) + b"Origin: %s\r\n" % it for it in (b"null", b"https://evil.example", b"http://localhost:1", b"http://localhost.evil", b"")),
        *(_type(JSON) + b"Sec-Fetch-Site: %s\r\n" % it for it in (b"cross-site", b"same-site")),
    ],
    415: [b"", _type(b"text/plain"), _type(b"multipart/form-data; boundary=application/json"), _type(b"application/json,x")],
}
# fmt: on


def _rating(
    *, user_id: bytes = b'"u"', item_id: bytes = b'"i"', value: bytes = b"3", timestamp: bytes | None = None
) -> bytes:
    end = b"" if timestamp is None else b',"timestamp":' + timestamp
    return b'{"user_id":%s,"item_id":%s,"value":%s%s}' % (user_id, item_id, value, end)


def _rating_of_value(value: bytes) -> bytes:
    return _post(b"/ratings", _rating(value=value))


def _post(path: bytes, body: bytes, content_type: bytes = JSON) -> bytes:
    return _sent(b"POST", path, _type(content_type), body)


def _sent(method: bytes, path: bytes, headers: bytes = b"", body: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    return b"%s %s HTTP/1.1\r\n%s%s%s%s\r\n%s" % (method, path, _HOST, _CLOSE, headers, length, body)


def _each(build: object, expected: dict[int, list[bytes]]) -> Iterator[tuple[bytes, bytes, int]]:
    assert callable(build)
    for status, values in expected.items():
        for value in values:
            yield value, build(value), status


def _named(family: str, cases: Iterable[tuple[bytes, bytes, int]]) -> Iterator[Case]:
    for number, (value, raw, status) in enumerate(cases):
        shown = value if len(value) < 60 else value[:30] + b"..." + value[-20:]
        yield Case(f"{family} {number}: {shown!r}", raw, status)
