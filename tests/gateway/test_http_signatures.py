"""HTTP Message Signatures as sender proofs: our profile of RFC 9421, and everything that is not it.

Spec: RFC 9421 sections 2, 3.2, 4; RFC 8941; specs/profile-sender-proofs.md section 3.
"""

from __future__ import annotations

import base64
import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid import CitizenIDError, Format, LocalKey, Reason
from citizenid.gateway import Allow, Binding, Deny, Request, _http_signatures
from citizenid.holder import http_signature

from .senders import Sender
from .world import NOW, ORIGIN, PATH, World, allowed, base64url, challenges_of, denied, key

URL: Final = ORIGIN + PATH
_serial: Final = itertools.count()
SIGNER: Final = Sender(Binding.HTTP_SIGNATURE)


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def ticket(world: World) -> str:
    return SIGNER.ticket(world)


def parts(
    ticket: str | None,
    *,
    components: list[str] | None = None,
    values: dict[str, str] | None = None,
    parameters: dict[str, str | None] | None = None,
    label: str = "sig",
    by: LocalKey | None = None,
    stated: str | None = None,
    sign: Callable[[bytes], bytes] | None = None,
) -> dict[str, str]:
    """Put a signature together by hand; without changes it is a good one. A parameter of None is left out."""
    signer = by or SIGNER.key
    names = components if components is not None else ["@method", "@target-uri", "citizenship-ticket"]
    known = {"@method": "POST", "@target-uri": URL, "citizenship-ticket": ticket or "", **(values or {})}
    good = {
        "created": str(NOW),
        "nonce": f'"nonce number {next(_serial)}"',
        "keyid": '"' + base64url(signer.public.thumbprint).decode() + '"',
        "alg": '"ecdsa-p256-sha256"' if signer.algorithm == "ES256" else '"ed25519"',
        "tag": '"citizenship"',
    }
    merged = {name: value for name, value in {**good, **(parameters or {})}.items() if value is not None}
    inner = "(" + " ".join(f'"{name}"' for name in names) + ")"
    text = stated or inner + "".join(f";{name}={value}" if value else f";{name}" for name, value in merged.items())
    base = "".join(f'"{name}": {known.get(name, "")}\n' for name in names) + f'"@signature-params": {text}'
    signature = base64.b64encode((sign or signer.sign)(base.encode())).decode()
    return {
        "Signature-Input": f"{label}={text}",
        "Signature": f"{label}=:{signature}:",
        "Citizenship-Key": base64url(json.dumps(signer.public.to_jwk()).encode()).decode(),
    }


def ask(
    world: World,
    ticket: str | None,
    headers: dict[str, str],
    *,
    url: str = URL,
    method: str = "POST",
    further: list[tuple[bytes, bytes]] | None = None,
) -> Any:
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    if ticket is not None:
        sent.append((b"citizenship-ticket", ticket.encode()))
    return world.gateway.authorize(Request(method, url, sent + (further or [])), resource="weak")


# --- what is accepted ---


def test_a_signature_by_hand_and_one_by_our_client_are_accepted(world: World, ticket: str) -> None:
    allowed(ask(world, ticket, parts(ticket)))
    allowed(ask(world, ticket, http_signature(SIGNER.key, method="POST", url=URL, ticket=ticket, now=NOW)))


def test_the_order_of_components_and_of_parameters_is_free(world: World, ticket: str) -> None:
    allowed(ask(world, ticket, parts(ticket, components=["citizenship-ticket", "@target-uri", "@method"])))
    reordered: dict[str, str | None] = {"tag": '"citizenship"', "expires": str(NOW + 1)}
    allowed(ask(world, ticket, parts(ticket, parameters=reordered)))


def test_further_headers_may_be_covered_and_then_count(world: World, ticket: str) -> None:
    names = ["@method", "@target-uri", "citizenship-ticket", "content-digest"]
    digest = "sha-256=:" + base64.b64encode(bytes(32)).decode() + ":"
    signed = parts(ticket, components=names, values={"content-digest": digest})
    denied(ask(world, ticket, signed), Reason.PROOF_MALFORMED, "proof")  # covered, and not there
    other = [(b"content-digest", digest.replace("A", "B").encode())]
    denied(ask(world, ticket, signed, further=other), Reason.SIGNATURE_INVALID, "proof")
    allowed(ask(world, ticket, signed, further=[(b"Content-Digest", b"  " + digest.encode() + b"\t")]))


def test_a_header_that_comes_twice_is_covered_as_one_list(world: World, ticket: str) -> None:
    # RFC 9421 section 2.1: values of one name are joined by a comma and a space, in their order.
    signed = parts(ticket, components=["@method", "@target-uri", "citizenship-ticket", "x-a"], values={"x-a": "1, 2"})
    denied(ask(world, ticket, signed, further=[(b"x-a", b"2"), (b"x-a", b"1")]), Reason.SIGNATURE_INVALID, "proof")
    allowed(ask(world, ticket, signed, further=[(b"x-a", b"1"), (b"X-A", b"2")]))


@pytest.mark.parametrize(
    ("values", "signed"),
    [
        ([b" 1 ", b"\t2\t"], "1, 2"),
        ([b"1 ", b" 2", b" 3"], "1, 2, 3"),
        ([b"1", b" ", b"3"], "1, , 3"),
        ([b"", b"2"], ", 2"),
        ([b"1", b""], "1, "),
    ],
)
def test_of_a_header_that_comes_twice_each_value_is_stripped_before_they_are_joined(
    values: list[bytes], signed: str, world: World, ticket: str
) -> None:
    # RFC 9421 section 2.1, step 2: of each item; step 4 then joins what is left, be it empty.
    names = ["@method", "@target-uri", "citizenship-ticket", "x-a"]
    headers = parts(ticket, components=names, values={"x-a": signed})
    allowed(ask(world, ticket, headers, further=[(b"x-a", value) for value in values]))


def test_another_signature_may_stand_beside(world: World, ticket: str) -> None:
    ours = parts(ticket)
    theirs = 'bot=("@authority" "signature-agent";key="a");created=1;expires=2;keyid="k";tag="web-bot-auth"'
    for inputs, signatures in (
        (f"{theirs}, {ours['Signature-Input']}", f"bot=:AAAA:, {ours['Signature']}"),
        (f"{ours['Signature-Input']},{theirs}", f"{ours['Signature']},bot=:AAAA:"),
    ):
        ours = parts(ticket, label="sig")
        both = {
            **ours,
            "Signature-Input": inputs.replace(inputs[inputs.index("sig=") :].split(",")[0], ours["Signature-Input"]),
            "Signature": signatures.replace(signatures[signatures.index("sig=") :].split(",")[0], ours["Signature"]),
        }
        allowed(ask(world, ticket, both))


def test_the_whole_url_is_covered_with_its_query(world: World, ticket: str) -> None:
    url = URL + "?model=a&b=%41"
    signed = parts(ticket, values={"@target-uri": url})
    denied(ask(world, ticket, signed), Reason.SIGNATURE_INVALID, "proof")
    denied(ask(world, ticket, signed, url=URL + "?model=b"), Reason.SIGNATURE_INVALID, "proof")
    allowed(ask(world, ticket, signed, url=url + "#fragment"))


def test_the_origin_is_the_configured_one(world: World, ticket: str) -> None:
    # Behind a proxy the request's own URL names an inner host: of it, path and query count.
    allowed(ask(world, ticket, parts(ticket), url="http://10.0.0.7:8000" + PATH))
    inner = parts(ticket, values={"@target-uri": "http://10.0.0.7:8000" + PATH})
    denied(ask(world, ticket, inner, url="http://10.0.0.7:8000" + PATH), Reason.SIGNATURE_INVALID, "proof")


# --- what must be there ---


@pytest.mark.parametrize("missing", ["@method", "@target-uri", "citizenship-ticket"])
def test_every_component_is_required(missing: str, world: World, ticket: str) -> None:
    names = [name for name in ("@method", "@target-uri", "citizenship-ticket") if name != missing]
    denied(ask(world, ticket, parts(ticket, components=names)), Reason.PROOF_COMPONENT_MISSING, "proof")


def test_no_components_are_too_few(world: World, ticket: str) -> None:
    denied(ask(world, ticket, parts(ticket, components=[])), Reason.PROOF_COMPONENT_MISSING, "proof")


@pytest.mark.parametrize("missing", ["created", "nonce", "keyid", "alg"])
def test_every_parameter_is_required(missing: str, world: World, ticket: str) -> None:
    denied(ask(world, ticket, parts(ticket, parameters={missing: None})), Reason.PROOF_MALFORMED, "proof")


@pytest.mark.parametrize("tag", [None, '"Citizenship"', '"web-bot-auth"', '""'])
def test_a_signature_with_another_tag_is_none_of_ours(tag: str | None, world: World, ticket: str) -> None:
    denied(ask(world, ticket, parts(ticket, parameters={"tag": tag})), Reason.PROOF_MISSING, "proof")


@pytest.mark.parametrize("missing", ["Signature-Input", "Signature", "Citizenship-Key"])
def test_every_header_is_required(missing: str, world: World, ticket: str) -> None:
    headers = {name: value for name, value in parts(ticket).items() if name != missing}
    denied(ask(world, ticket, headers), Reason.PROOF_MISSING, "proof")


@pytest.mark.parametrize("name", ["Signature-Input", "Signature", "Citizenship-Key"])
def test_no_header_comes_twice(name: str, world: World, ticket: str) -> None:
    headers = parts(ticket)
    again = [(name.lower().encode(), headers[name].encode())]
    result = denied(ask(world, ticket, headers, further=again), Reason.PROOF_MALFORMED, "proof")
    # And the answer asks for a signature, as of any other fault of one, and not for a DPoP proof.
    names = [name for name, _ in result.http().headers]
    assert result.where == "http-signature.headers" and b"accept-signature" in names
    assert challenges_of(result.http()) == [b'Bearer error="invalid_token"']


@pytest.mark.parametrize(
    "parameters",
    [
        {"created": f'"{NOW}"'},
        {"created": f"{NOW}.0"},
        {"created": "-1"},
        {"created": ""},
        {"created": "1" * 16},
        {"created": f"0{NOW}"},  # a parser takes these, and a serialiser writes none of them
        {"created": f"00{NOW}"},
        {"created": "-0"},
        {"expires": f"0{NOW + 1}"},
        {"expires": "00"},
        {"nonce": "5"},
        {"nonce": '""'},
        {"nonce": ""},
        {"nonce": '"a\\"b"'},
        {"keyid": "5"},
        {"alg": "token"},
        {"expires": '"5"'},
        {"unknown": "1"},
        {"sf": ""},
    ],
    ids=str,
)
def test_parameters_have_their_types_and_no_others_are_there(
    parameters: dict[str, str | None], world: World, ticket: str
) -> None:
    denied(ask(world, ticket, parts(ticket, parameters=parameters)), Reason.PROOF_MALFORMED, "proof")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + ";created=1",  # RFC 8941 lets the last one win
        lambda text: text + ' ;x="1"',
        lambda text: text.replace(";created", "; created"),
        lambda text: text.replace("(", "( ", 1),
        lambda text: text.replace('" "', '"  "', 1),
        lambda text: text.replace('"@method"', '"@method";req', 1),
        lambda text: text.replace('"@method"', '"@Method"', 1),
        lambda text: text.replace('"@method"', '"@method" "@method"', 1),
        lambda text: text.replace('"@method"', '"@method" "@authority"', 1),
        lambda text: text.replace('"@method"', '"@method" "@path"', 1),
        lambda text: text.replace('"@method"', '"@method" "@signature-params"', 1),
        lambda text: text.replace('"@method"', "@method", 1),
        lambda text: text.replace("sig=", "Sig=", 1),
        lambda text: text.replace("sig=", "", 1),
        lambda text: text + ", " + text,
        lambda text: text + ", " + text.replace("sig=", "other=", 1),  # two that claim to be ours
        lambda text: text + ",",
        lambda text: "," + text,
        lambda text: " " + text,
        lambda text: text + " ",
        lambda text: text + "\n",
        lambda text: text.replace(")", "", 1),
        lambda text: "",
        lambda text: "sig",
        lambda text: "sig=()",
        lambda text: text + ", other=();created=01",
    ],
)
def test_the_input_has_one_spelling(change: Callable[[str], str], world: World, ticket: str) -> None:
    # Each is signed as it stands, so that only its form is at fault.
    good = parts(ticket)
    changed = change(good["Signature-Input"])
    stated = changed.removeprefix("sig=")
    signed = parts(ticket, stated=stated or None)
    result = ask(world, ticket, {**signed, "Signature-Input": changed})
    assert type(result) is Deny and result.step == "proof"
    assert result.reason in {Reason.PROOF_MALFORMED, Reason.PROOF_MISSING}


@pytest.mark.parametrize("name", ["@authority", "@path", "@query", "@status", "@signature-params", "@x"])
def test_a_header_does_not_stand_in_for_a_derived_component(name: str, world: World, ticket: str) -> None:
    # H2: else a signature would say "the authority was covered", and it would be what the client has written.
    covered = ["@method", "@target-uri", "citizenship-ticket", name]
    headers = parts(ticket, components=covered, values={name: "gateway.example"})
    for further in ([], [(name.encode(), b"gateway.example")], [(name.upper().encode(), b"gateway.example")]):
        result = ask(world, ticket, headers, further=further)
        assert type(result) is Deny
        assert (result.reason, result.where) == (Reason.PROOF_MALFORMED, "http-signature.components")
    plain = ["@method", "@target-uri", "citizenship-ticket", "x-authority"]
    allowed(
        ask(
            world,
            ticket,
            parts(ticket, components=plain, values={"x-authority": "gateway.example"}),
            further=[(b"x-authority", b"gateway.example")],
        )
    )


@pytest.mark.parametrize("between", [",", ", ", "\t ,\t", " " * 300 + "," + " " * 300])
def test_between_two_signatures_there_may_be_spaces_and_nowhere_else(between: str, world: World, ticket: str) -> None:
    headers = parts(ticket)
    headers["Signature-Input"] += ', other=("@authority");created=1'
    both = "other=:AAAA:" + between + headers["Signature"]
    for wrong in (" " + both, both + "\t", both.replace(":AAAA:", ":AAAA :"), both.replace(between, between * 2)):
        result = ask(world, ticket, {**headers, "Signature": wrong})
        assert type(result) is Deny and result.reason is Reason.PROOF_MALFORMED
    assert type(ask(world, ticket, {**headers, "Signature": both})) is Allow


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text + "," + text,
        lambda text: text.replace("sig=", "other="),
        lambda text: text.replace(":", ""),
        lambda text: text + ";a=1",
        lambda text: text[:-2] + ":",
        lambda text: text.replace("=:", "=::"),
        lambda text: text + " ",
        lambda text: "sig=:AAAA:",
        lambda text: "sig=:" + "A" * 88 + ":",
        lambda text: text + ", x=y",
    ],
)
def test_the_signature_has_one_spelling(change: Callable[[str], str], world: World, ticket: str) -> None:
    headers = parts(ticket)
    result = ask(world, ticket, {**headers, "Signature": change(headers["Signature"])})
    assert type(result) is Deny and result.step == "proof"
    assert result.reason in {
        Reason.PROOF_MALFORMED, Reason.PROOF_MISSING, Reason.MALFORMED_BASE64, Reason.SIGNATURE_MALFORMED,
    }  # fmt: skip


@pytest.mark.parametrize("place", [0, 31, 32, 63])
def test_a_changed_signature_is_refused(place: int, world: World, ticket: str) -> None:
    def damaged(data: bytes) -> bytes:
        raw = bytearray(SIGNER.key.sign(data))
        raw[place] ^= 1
        return bytes(raw)

    denied(ask(world, ticket, parts(ticket, sign=damaged)), Reason.SIGNATURE_INVALID, "proof")


def test_a_signature_in_der_is_refused(world: World, ticket: str) -> None:
    denied(ask(world, ticket, parts(ticket, sign=lambda data: bytes(71))), Reason.SIGNATURE_MALFORMED, "proof")


STRICT_BYTES: Final = """
from citizenid import CitizenIDError, LocalKey
from citizenid.gateway import _http_signatures
from citizenid.holder import http_signature
signed = http_signature(LocalKey.generate("ES256"), method="GET", url="https://g.example/", ticket=None, now=7)
stated = next(value for name, value in signed.items() if name.lower() == "signature-input").encode()
print(_http_signatures._read_input(stated).parameters[b"created"])
for old, new in ((b"created=7", b'created="7"'), (b"created=7", b"created"), (b";tag=", b";tag=5;other=")):
    assert old in stated
    try:
        _http_signatures._read_input(stated.replace(old, new))
    except CitizenIDError as error:
        print(error.reason.value)
"""


def test_a_python_that_compares_no_number_with_bytes_reads_the_same() -> None:
    command = [sys.executable, "-bb", "-c", STRICT_BYTES]  # -bb: such a comparison is an error
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.split(), done.stderr) == (["7", "proof_malformed", "proof_malformed", "proof_missing"], "")


def test_two_members_of_one_label_are_refused_though_one_is_none_of_ours(world: World, ticket: str) -> None:
    # RFC 8941 lets the last one win: two readers would differ in which.
    good = parts(ticket)
    theirs = 'sig=("@authority");created=1;tag="web-bot-auth"'
    for text in (f"{theirs}, {good['Signature-Input']}", f"{good['Signature-Input']}, {theirs}"):
        denied(ask(world, ticket, {**parts(ticket), "Signature-Input": text}), Reason.PROOF_MALFORMED, "proof")


@pytest.mark.parametrize(("count", "reason"), [(32, None), (33, Reason.PROOF_MALFORMED)])
def test_components_have_a_bound(count: int, reason: Reason | None, world: World, ticket: str) -> None:
    further = {f"x-{number}": str(number) for number in range(count - 3)}
    names = ["@method", "@target-uri", "citizenship-ticket", *further]
    headers = [(name.encode(), value.encode()) for name, value in further.items()]
    result = ask(world, ticket, parts(ticket, components=names, values=further), further=headers)
    allowed(result) if reason is None else denied(result, reason, "proof")


@pytest.mark.parametrize(("size", "reason"), [(4_096, None), (4_097, Reason.INPUT_TOO_LARGE)])
def test_the_input_has_a_bound(size: int, reason: Reason | None, world: World, ticket: str) -> None:
    good = parts(ticket)
    other = ', other=("@authority");tag="' + "x" * (size - len(good["Signature-Input"]) - 29) + '"'
    text = good["Signature-Input"] + other
    assert len(text) == size
    result = ask(world, ticket, {**good, "Signature-Input": text, "Signature": good["Signature"] + ", other=:AAAA:"})
    allowed(result) if reason is None else denied(result, reason, "proof")


@pytest.mark.parametrize(("size", "reason"), [(2_048, None), (2_049, Reason.INPUT_TOO_LARGE)])
def test_the_signatures_have_a_bound(size: int, reason: Reason | None, world: World, ticket: str) -> None:
    good = parts(ticket)
    label = "x" * 3 if size % 4 == (len(good["Signature"]) + 8) % 4 else "x" * (3 + (size - len(good["Signature"])) % 4)
    text = f"{good['Signature']},{label}=::"
    text = text[:-1] + "A" * (size - len(text)) + ":"
    assert len(text) == size
    inputs = f'{good["Signature-Input"]}, {label}=("@authority");created=1'
    result = ask(world, ticket, {**good, "Signature-Input": inputs, "Signature": text})
    allowed(result) if reason is None else denied(result, reason, "proof")


# --- what it is bound to ---


def test_another_method_is_refused(world: World, ticket: str) -> None:
    denied(ask(world, ticket, parts(ticket), method="GET"), Reason.SIGNATURE_INVALID, "proof")
    denied(ask(world, ticket, parts(ticket), method="post"), Reason.SIGNATURE_INVALID, "proof")


def test_another_path_is_refused(world: World, ticket: str) -> None:
    denied(ask(world, ticket, parts(ticket), url=URL + "/"), Reason.SIGNATURE_INVALID, "proof")


def test_another_ticket_of_the_same_sender_is_refused(world: World, ticket: str) -> None:
    denied(ask(world, SIGNER.ticket(world), parts(ticket)), Reason.SIGNATURE_INVALID, "proof")


def test_a_line_end_in_a_covered_value_is_refused(world: World, ticket: str) -> None:
    # Or one header could write the line of another one into what is signed.
    names = ["x-a", "@method", "@target-uri", "citizenship-ticket"]
    signed = parts(ticket, components=names, values={"x-a": "1"})
    for value in (b"1\n2", b"1\r2", b"\n1"):
        denied(ask(world, ticket, signed, further=[(b"x-a", value)]), Reason.PROOF_MALFORMED, "proof")


def test_a_covered_value_is_ascii(world: World, ticket: str) -> None:
    # RFC 9421 section 2.5 step 4: what is signed is ASCII, or it is an error. Other bytes are read in many ways.
    names = ["x-a", "@method", "@target-uri", "citizenship-ticket"]
    value = "M\u00fcnchen".encode()

    def sign(base: bytes) -> bytes:
        return SIGNER.key.sign(base.replace(b'"x-a": ?', b'"x-a": ' + value))

    signed = parts(ticket, components=names, values={"x-a": "?"}, sign=sign)
    result = denied(ask(world, ticket, signed, further=[(b"x-a", value)]), Reason.PROOF_MALFORMED, "proof")
    assert result.where == "http-signature.components"
    allowed(ask(world, ticket, parts(ticket), further=[(b"x-a", value)]))  # not covered


def test_the_two_fields_have_the_same_labels(world: World, ticket: str) -> None:
    """RFC 9421 section 4: a label in one and not in the other is an error, whoever signed under it."""
    theirs = 'bot=("@authority");created=1;keyid="k";tag="web-bot-auth"'
    for inputs, signatures, reason in (
        ([theirs], ["bot=:AAAA:"], None),
        ([theirs], [], Reason.PROOF_MALFORMED),
        ([], ["bot=:AAAA:"], Reason.PROOF_MALFORMED),
        ([theirs], ["other=:AAAA:"], Reason.PROOF_MALFORMED),
        ([theirs], ["Bot=:AAAA:"], Reason.PROOF_MALFORMED),
    ):
        good = parts(ticket)
        headers = {
            **good,
            "Signature-Input": ", ".join([good["Signature-Input"], *inputs]),
            "Signature": ", ".join([*signatures, good["Signature"]]),
        }
        asked = ask(world, ticket, headers)
        if reason is None:
            allowed(asked)
        else:
            assert denied(asked, reason, "proof").where == "http-signature.signature"


@pytest.mark.parametrize("method", ["POST\n", "PO ST\r", "P\u00d6ST", ""])
def test_a_method_that_is_none_is_refused(method: str, world: World, ticket: str) -> None:
    result = ask(world, ticket, parts(ticket), method=method)
    assert type(result) is Deny and result.reason in {Reason.REQUEST_INVALID, Reason.SIGNATURE_INVALID}


@pytest.mark.parametrize("url", ["", PATH, "//gateway.example/", "https:///x", URL + "\u00e9", URL + "?\n"])
def test_a_url_that_is_none_is_refused(url: str, world: World, ticket: str) -> None:
    denied(ask(world, ticket, parts(ticket), url=url), Reason.REQUEST_INVALID, "request")


# --- time, once ---


@pytest.mark.parametrize(
    ("age", "reason"), [(60, None), (61, Reason.PROOF_STALE), (-30, None), (-31, Reason.PROOF_IN_FUTURE)]
)
def test_created_lies_in_the_window(age: int, reason: Reason | None, world: World, ticket: str) -> None:
    result = ask(world, ticket, parts(ticket, parameters={"created": str(NOW - age)}))
    allowed(result) if reason is None else denied(result, reason, "proof")


@pytest.mark.parametrize(("ends", "reason"), [(1, None), (0, Reason.PROOF_STALE), (-1, Reason.PROOF_STALE)])
def test_expires_is_obeyed(ends: int, reason: Reason | None, world: World, ticket: str) -> None:
    result = ask(world, ticket, parts(ticket, parameters={"expires": str(NOW + ends)}))
    allowed(result) if reason is None else denied(result, reason, "proof")


def test_a_signature_is_used_once(world: World, ticket: str) -> None:
    headers = parts(ticket)
    allowed(ask(world, ticket, headers))
    result = denied(ask(world, ticket, headers), Reason.REPLAYED, "replay")
    assert b"Bearer" in dict(result.http().headers)[b"www-authenticate"]
    again = parts(ticket, parameters={"nonce": '"the same"'})
    allowed(ask(world, ticket, again))
    denied(ask(world, ticket, parts(ticket, parameters={"nonce": '"the same"'})), Reason.REPLAYED, "replay")


def test_a_signature_older_than_the_process_is_refused(world: World, ticket: str) -> None:
    young = world.another_gateway()
    headers = [(name.encode(), value.encode()) for name, value in parts(ticket, parameters={
        "created": str(NOW - 1)}).items()]  # fmt: skip
    asked = Request("POST", URL, [*headers, (b"citizenship-ticket", ticket.encode())])
    denied(young.authorize(asked, resource="weak"), Reason.PROOF_STALE, "proof")


@pytest.mark.parametrize(("size", "reason"), [(256, None), (257, Reason.LIMIT_EXCEEDED)])
def test_a_nonce_has_a_bound(size: int, reason: Reason | None, world: World, ticket: str) -> None:
    result = ask(world, ticket, parts(ticket, parameters={"nonce": f'"{"n" * size}"'}))
    allowed(result) if reason is None else denied(result, reason, "proof")


# --- the key ---


def test_the_key_is_the_one_that_keyid_names(world: World, ticket: str) -> None:
    other = key("somebody else")
    swapped = {**parts(ticket), "Citizenship-Key": parts(ticket, by=other)["Citizenship-Key"]}
    denied(ask(world, ticket, swapped), Reason.PROOF_KEY_MISMATCH, "proof")
    named = parts(ticket, parameters={"keyid": '"' + base64url(other.public.thumbprint).decode() + '"'})
    denied(ask(world, ticket, named), Reason.PROOF_KEY_MISMATCH, "proof")
    denied(ask(world, ticket, parts(ticket, by=other)), Reason.PROOF_KEY_MISMATCH, "proof")


def test_the_algorithm_is_that_of_the_key(world: World, ticket: str) -> None:
    denied(ask(world, ticket, parts(ticket, parameters={"alg": '"ed25519"'})), Reason.ALGORITHM_MISMATCH, "proof")
    for name in ("hmac-sha256", "rsa-pss-sha512", "ES256", "ecdsa-p384-sha384", "none", ""):
        result = ask(world, ticket, parts(ticket, parameters={"alg": f'"{name}"'}))
        assert type(result) is Deny and result.reason in {Reason.ALGORITHM_NOT_ALLOWED, Reason.PROOF_MALFORMED}


@pytest.mark.parametrize(
    ("jwk", "reason"),
    [
        (b"", Reason.MALFORMED_JSON),
        (b"[]", Reason.MALFORMED_JSON),
        (b"{}", Reason.KEY_INVALID),
        (b'{"kty":"oct","k":"AAAA"}', Reason.KEY_INVALID),
        (b'{"kty":"OKP","crv":"Ed25519","x":"' + b"A" * 43 + b'"}', Reason.KEY_INVALID),  # of small order
        (b'{"a":1,"a":2}', Reason.DUPLICATE_MEMBER),
        (b'{"a":[[[[]]]]}', Reason.DEPTH_EXCEEDED),
        (b" " * 1_024, Reason.INPUT_TOO_LARGE),
    ],
)
def test_a_key_that_is_none_is_refused(jwk: bytes, reason: Reason, world: World, ticket: str) -> None:
    denied(ask(world, ticket, {**parts(ticket), "Citizenship-Key": base64url(jwk).decode()}), reason, "proof")


def test_a_private_key_is_refused(world: World, ticket: str) -> None:
    shown = base64url(json.dumps(SIGNER.key.to_private_jwk()).encode()).decode()
    denied(ask(world, ticket, {**parts(ticket), "Citizenship-Key": shown}), Reason.KEY_INVALID, "proof")


@pytest.mark.parametrize("algorithm", ["ES384", "ML-DSA-44"])
def test_keys_of_other_algorithms_are_refused(algorithm: str, world: World, ticket: str) -> None:
    shown = json.dumps(key("big", algorithm).public.to_jwk()).encode()
    result = ask(world, ticket, {**parts(ticket), "Citizenship-Key": base64url(shown).decode()})
    assert type(result) is Deny and result.reason in {Reason.ALGORITHM_NOT_ALLOWED, Reason.INPUT_TOO_LARGE}


def test_a_flood_of_bad_signatures_keeps_no_key(world: World) -> None:
    held = len(world.gateway._parts.signing_keys)
    url = ORIGIN + "/citizenship"
    for number in range(20):
        by = key(f"flood {number}")
        challenge = world.gateway.challenge(sender=by.public.thumbprint, binding=Binding.HTTP_SIGNATURE).to_text()
        signed = parts(
            None,
            components=["@method", "@target-uri"],
            values={"@target-uri": url},
            by=by,
            sign=None if number == 0 else lambda data: bytes(64),
        )
        asked = Request("POST", url, [(name.encode(), value.encode()) for name, value in signed.items()])
        result = world.gateway.admit(b"", format=Format.SD_JWT_VC, challenge=challenge, request=asked)
        assert type(result) is Deny and result.reason is (
            Reason.MALFORMED_TOKEN if number == 0 else Reason.SIGNATURE_INVALID
        )
    assert len(world.gateway._parts.signing_keys) == held + 1


def test_the_signature_of_a_thief_is_not_verified(world: World, ticket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[object] = []
    monkeypatch.setattr(_http_signatures, "verify_signature", lambda *arguments: verified.append(arguments))
    denied(ask(world, ticket, parts(ticket, by=key("thief"))), Reason.PROOF_KEY_MISMATCH, "proof")
    assert verified == []


# --- admission ---


def test_at_admission_no_ticket_is_covered(world: World) -> None:
    wallet = world.wallet("applicant")
    challenge = world.gateway.challenge(sender=SIGNER.thumbprint, binding=Binding.HTTP_SIGNATURE)
    url = ORIGIN + "/citizenship"
    signed = parts("x", values={"@target-uri": url})
    headers = [(name.encode(), value.encode()) for name, value in signed.items()] + [(b"citizenship-ticket", b"x")]
    result = world.gateway.admit(
        world.present(wallet, challenge),
        format=Format.SD_JWT_VC,
        challenge=challenge.to_text(),
        request=Request("POST", url, headers),
    )
    denied(result, Reason.PROOF_TICKET_MISMATCH, "proof")


# --- anything ---


@given(st.text(max_size=200), st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_refused_with_a_reason(text: str, signature: str, jwk: str) -> None:
    result = ask(WORLD, TICKET, {"Signature-Input": text, "Signature": signature, "Citizenship-Key": jwk})
    assert type(result) is Deny and result.step in {"proof", "request"}


@given(st.integers(0, 10_000), st.integers(0, 127))
def test_no_character_of_a_signature_can_be_changed(place: int, character: int) -> None:
    headers = parts(TICKET)
    name = ("Signature-Input", "Signature")[place % 2]
    text = headers[name]
    place = place // 2 % len(text)
    changed = text[:place] + chr(character) + text[place + 1 :]
    if changed != text and name == "Signature-Input" and place < 3:
        changed = text  # the label: nobody signs it, and it must be the same in both
    result = ask(WORLD, TICKET, {**headers, name: changed})
    if changed == text:
        allowed(result)
    else:
        assert type(result) is Deny


WORLD = World()
TICKET = SIGNER.ticket(WORLD)


# --- our own side ---


def test_our_client_signs_the_url_as_gateways_write_it(world: World, ticket: str) -> None:
    # RFC 9421 section 2.2.2 and H3: whoever hands in another spelling of it has signed the same.
    for spelt, sent in (
        (URL.replace("https://gateway.example", "HTTPS://Gateway.EXAMPLE:443"), URL),
        (ORIGIN, ORIGIN + "/"), (ORIGIN + "?a=B", ORIGIN + "/?a=B"), (ORIGIN + "#f", ORIGIN),
        (ORIGIN + ":443#f", ORIGIN), (ORIGIN + "/a?B#f", ORIGIN + "/a?B"),
    ):  # fmt: skip
        signed = http_signature(SIGNER.key, method="POST", url=spelt, ticket=ticket, now=NOW)
        allowed(ask(world, ticket, signed, url=sent))


def test_our_client_covers_as_much_as_a_gateway_reads(world: World, ticket: str) -> None:
    headers = {f"x-{number}": "x" for number in range(29)}
    signed = http_signature(SIGNER.key, method="POST", url=URL, ticket=ticket, now=NOW, headers=headers)
    allowed(ask(world, ticket, signed, further=[(name.encode(), b"x") for name in headers]))


def test_our_client_covers_what_it_is_given(world: World, ticket: str) -> None:
    signed = http_signature(
        SIGNER.key, method="POST", url=URL + "#f", ticket=ticket, now=NOW, headers={"content-digest": "sha-256=:AA==:"}
    )
    assert '"content-digest"' in signed["Signature-Input"]
    allowed(ask(world, ticket, signed, further=[(b"content-digest", b"sha-256=:AA==:")]))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"now": -1}, Reason.CLOCK_UNUSABLE),
        ({"now": 1.5}, Reason.CLOCK_UNUSABLE),
        ({"ticket": "\u00e9"}, Reason.TICKET_INVALID),
        ({"key": "ES384"}, Reason.ALGORITHM_NOT_ALLOWED),
    ],
)
def test_our_client_refuses_what_it_cannot_sign(changes: dict[str, Any], reason: Reason) -> None:
    good: dict[str, Any] = {"method": "GET", "url": URL, "ticket": None, "now": NOW}
    signer = key("client", changes.pop("key", "ES256"))
    with pytest.raises(CitizenIDError) as caught:
        http_signature(signer, **(good | changes))
    assert caught.value.reason is reason
