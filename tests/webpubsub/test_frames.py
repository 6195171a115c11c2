"""Client frames that are understood, and those that are refused with a reason."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.webpubsub.frames import FrameError, SendToGroup, parse_frame
from localcloud.webpubsub.payloads import DataType, Payload, PayloadError, payload_from_body


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("not json", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "None is not supported"),
        ('{"type":"streamData"}', "'streamData' is not supported"),
        ('{"type":"joinGroup"}', "group must be"),
        ('{"type":"joinGroup","group":" "}', "group must be"),
        ('{"type":"joinGroup","group":"%s"}' % ("g" * 1025), "longer than 1024"),
        ('{"type":"leaveGroup","group":"g","ackId":"1"}', "ackId must be"),
        ('{"type":"leaveGroup","group":"g","ackId":true}', "ackId must be"),
        ('{"type":"sequenceAck","sequenceId":-1}', "sequenceId must be"),
        ('{"type":"event","dataType":"text","data":""}', "event must be"),
        ('{"type":"event","event":"e","dataType":"text"}', "data is missing"),
        ('{"type":"event","event":"e","dataType":"text","data":1}', "data must be a string"),
        ('{"type":"event","event":"e","dataType":"binary","data":"*"}', "base64"),
        ('{"type":"event","event":"e","dataType":"protobuf","data":""}', "dataType must be"),
        ('{"type":"sendToGroup","group":"g","dataType":"text","data":"","noEcho":1}', "noEcho"),
        ('{"type":"sendToGroup","group":"g","dataType":"text","data":"","stream":{}}', "Streams"),
    ],
)
def test_a_frame_outside_the_protocol_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(FrameError, match=reason):
        parse_frame(text)


@given(
    st.text(max_size=50)
    | st.integers().map(str)
    | st.dictionaries(st.just("type"), st.text()).map(json.dumps)
)
@settings(max_examples=50)
def test_no_text_does_worse_than_being_refused(text: str) -> None:
    with contextlib.suppress(FrameError):
        parse_frame(text)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_json_data_reaches_the_other_side_unchanged(data: object) -> None:
    frame = parse_frame(json.dumps({"type": "sendToGroup", "group": "g", "dataType": "json", "data": data}))
    assert isinstance(frame, SendToGroup)
    assert data == json.loads(frame.payload.field())


def test_a_json_body_is_passed_on_to_the_last_digit() -> None:
    payload = payload_from_body(DataType.JSON, b'{"price": 0.10000000000000000001}')
    assert payload.field() == '{"price": 0.10000000000000000001}'
    assert Payload(data_type=DataType.BINARY, raw=b"\x00").field() == '"AA=="'


@pytest.mark.parametrize(
    ("data_type", "body"), [(DataType.JSON, b"{"), (DataType.JSON, b"NaN"), (DataType.TEXT, b"\xff")]
)
def test_a_body_that_does_not_fit_its_type_is_refused(data_type: DataType, body: bytes) -> None:
    with pytest.raises(PayloadError):
        payload_from_body(data_type, body)
