from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from custodes.adapters.rtsp.authentication import Authenticator, digest_header, is_stale, parse_challenges

RFC_7616 = {
    "realm": "http-auth@example.org",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    "qop": "auth, auth-int",
}


def rfc_7616_answer(algorithm: str) -> str:
    parameters = {**RFC_7616, "algorithm": algorithm}
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    return digest_header(parameters, "Mufasa", "Circle of Life", "GET", "/dir/index.html", 1, cnonce)


def test_the_examples_of_rfc_7616() -> None:
    md5, sha256 = rfc_7616_answer("MD5"), rfc_7616_answer("SHA-256")
    assert 'response="8ca523f5e9506fed4657c9700eebdbec"' in md5
    assert 'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"' in sha256
    assert "nc=00000001" in md5 and "algorithm=SHA-256" in sha256


def test_digest_without_qop() -> None:
    header = digest_header({"realm": "r", "nonce": "n"}, "u", "p", "DESCRIBE", "rtsp://c/", 1, "c")
    assert "qop" not in header and "cnonce" not in header
    # MD5 of "MD5(u:r:p):n:MD5(DESCRIBE:rtsp://c/)".
    assert 'response="1eb7ac3f4d1d6882c4ed231c560464a9"' in header


def test_prefers_digest_sha_256_to_md5_to_basic() -> None:
    basic = 'Basic realm="a"'
    md5 = 'Digest realm="a", nonce="m", algorithm=MD5, qop="auth"'
    sha256 = 'Digest realm="a", nonce="s", algorithm=SHA-256, qop="auth"'
    for offered, nonce in (
        ([basic, md5, sha256], "s"),
        ([f"{basic}, {md5}"], "m"),
        ([f"{sha256}, {md5}, {basic}"], "s"),
        ([basic], None),
    ):
        authenticator = Authenticator("u", "p")
        assert authenticator.accept(offered)
        assert authenticator.nonce == nonce


def test_passes_over_what_it_cannot_answer() -> None:
    authenticator = Authenticator("u", "p")
    assert not authenticator.accept(["Negotiate abc==", 'Digest realm="a"', 'Digest nonce="n", algorithm=X'])
    assert not authenticator.accept(['Digest nonce="n", qop="auth-int"'])
    assert authenticator.header("PLAY", "rtsp://c/") is None


def test_counts_the_uses_of_a_nonce_and_starts_again_with_a_new_one() -> None:
    authenticator = Authenticator("u", "p")
    authenticator.accept(['Digest realm="a", nonce="1", qop="auth"'])
    assert "nc=00000001" in str(authenticator.header("OPTIONS", "rtsp://c/"))
    assert "nc=00000002" in str(authenticator.header("PLAY", "rtsp://c/"))
    authenticator.accept_next_nonce('qop=auth, nextnonce="2"')
    header = str(authenticator.header("PLAY", "rtsp://c/"))
    assert 'nonce="2"' in header and "nc=00000001" in header


def test_basic_sends_user_and_password() -> None:
    authenticator = Authenticator("u", "pä:ss")
    authenticator.accept(['Basic realm="x"'])
    header = str(authenticator.header("PLAY", "rtsp://c/"))
    assert base64.b64decode(header.removeprefix("Basic ")).decode() == "u:pä:ss"


def test_reads_quoted_strings_and_stale() -> None:
    (challenge,) = parse_challenges(['DIGEST Realm = "a \\"b\\", c" ,NONCE=n,stale=TRUE'])
    assert challenge.scheme == "digest"
    assert challenge.parameters == {"realm": 'a "b", c', "nonce": "n", "stale": "TRUE"}
    assert is_stale(["Digest nonce=n, stale=true"])
    assert not is_stale(["Digest nonce=n, stale=false"])


def test_a_quote_in_a_user_name_stays_inside_it() -> None:
    header = digest_header({"realm": "r", "nonce": "n"}, 'a"b\\', "p", "PLAY", "rtsp://c/", 1, "c")
    assert r'username="a\"b\\"' in header


@given(st.lists(st.text(max_size=200), max_size=4))
def test_any_text_is_challenges_or_nothing(values: list[str]) -> None:
    authenticator = Authenticator("u", "p")
    if authenticator.accept(values):
        assert authenticator.header("PLAY", "rtsp://c/")
    authenticator.accept_next_nonce(values[0] if values else "")
