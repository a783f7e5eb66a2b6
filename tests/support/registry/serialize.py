# Confluent's serializers of every format, with what they send: writes records to a topic, and prints for each its format, its
# offset, and what Confluent's own deserializer reads from the bytes it wrote.
# Arguments: brokers, address of the registry, topic, records of each format, folder of the .proto files.
import datetime, decimal, importlib.resources, json, sys, tempfile
from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry import header_schema_id_serializer, prefix_schema_id_serializer
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import json_format
from grpc_tools import protoc

brokers, address, topic, count, protos, formats, form = sys.argv[1:8]
count = int(count)
registry = SchemaRegistryClient({"url": address})
START = datetime.datetime(2026, 1, 15, 9, 0, 0, 123456, tzinfo=datetime.timezone.utc)
IDENTIFIERS = {"prefix": prefix_schema_id_serializer, "header": header_schema_id_serializer}


def time_of(i):
    return START + datetime.timedelta(seconds=i)


def conf(name):
    # A subject for each format: one topic has them all.
    return {"subject.name.strategy": lambda context, record: f"{topic}-{name}", "schema.id.serializer": IDENTIFIERS[form]}


def big(i):
    return 2**63 - 1 - i


def avro():
    details = {
        "type": "record", "name": "Details", "namespace": "shop",
        "fields": [
            {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2}},
            {"name": "big", "type": "long"},
            {"name": "day", "type": {"type": "int", "logicalType": "date"}},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "ratio", "type": "float"},
            {"name": "bytes", "type": "bytes"},
            {"name": "of", "type": ["null", "Details"], "default": None},
        ],
    }
    registry.register_schema(f"{topic}-details", Schema(json.dumps(details), "AVRO"))
    action = {
        "type": "record", "name": "Action", "namespace": "shop",
        "fields": [
            {"name": "user_id", "type": "string"},
            {"name": "action", "type": {"type": "enum", "name": "Kind", "symbols": ["view", "click"]}},
            {"name": "page", "type": "string"},
            {"name": "timestamp", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "session_id", "type": ["null", "string"], "default": None},
            {"name": "duration_ms", "type": ["null", "long", "double"], "default": None},
            {"name": "metadata", "type": ["null", "shop.Details"]},
        ],
    }
    schema = Schema(json.dumps(action), "AVRO", [SchemaReference("shop.Details", f"{topic}-details", 1)])

    def event(i):
        inner = None if i % 3 else details_of(i + 1, None)
        return {
            "user_id": f"avro_{i % 7}", "action": "click" if i % 2 else "view", "page": f"/é/{i}",
            "timestamp": time_of(i), "session_id": f"s{i}" if i % 2 else None,
            "duration_ms": [None, i, i + 0.5][i % 3], "metadata": details_of(i, inner),
        }

    def details_of(i, inner):
        return {
            "price": decimal.Decimal(-123456789012345678 - i).scaleb(-2), "big": -big(i), "day": time_of(i).date(),
            "at": time_of(i), "ratio": 41.7, "bytes": bytes([0, 255, i % 256]), "of": inner,
        }

    return AvroSerializer(registry, schema, conf=conf("avro")), AvroDeserializer(registry), event, lambda event: event


def protobuf():
    folder = tempfile.mkdtemp()
    known = str(importlib.resources.files("grpc_tools") / "_proto")
    if protoc.main(["", f"-I{protos}", f"-I{known}", f"--python_out={folder}", "action.proto", "details.proto"]):
        raise SystemExit("protoc failed")
    sys.path.insert(0, folder)
    from action_pb2 import Outer

    def event(i):
        action = Outer.Action(user_id=f"proto_{i % 7}", action=i % 2, page=f"/é/{i}")
        action.timestamp.FromDatetime(time_of(i))
        if i % 2:
            action.session_id = f"s{i}"
        action.duration_ms = i % 3
        action.metadata.big = big(i)
        action.metadata.small = -i
        action.metadata.ratio = 41.7
        action.metadata.bytes = bytes([0, 255, i % 256])
        action.metadata.counts["é"] = 2**53 + 1 + i
        action.metadata.list.extend([0, i])
        action.metadata.wait.FromMilliseconds(1500 + i)
        return action

    def plain(action):
        return json_format.MessageToDict(
            action, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )

    settings = {} if form == "header" else {"use.deprecated.format": False}
    return ProtobufSerializer(Outer.Action, registry, conf("protobuf")), ProtobufDeserializer(Outer.Action, settings, registry), event, plain


def json_schema():
    schema = open(f"{protos}/../../../../schemas/user_action.json").read()

    def event(i):
        return {"user_id": f"json_{i % 7}", "action": "click", "page": f"/é/{i}", "timestamp": time_of(i).isoformat(),
                "metadata": {"big": 2**53 + 1 + i}}

    return JSONSerializer(schema, registry, conf=conf("json")), JSONDeserializer(None, schema_registry_client=registry), event, lambda event: event


def text_of(value):
    if isinstance(value, bytes):
        import base64
        return base64.b64encode(value).decode()
    if isinstance(value, decimal.Decimal):
        return f"decimal {value}"
    return value.isoformat()


producer = Producer({"bootstrap.servers": brokers})
for name in formats.split(","):
    serialize, deserialize, event, plain = {"avro": avro, "protobuf": protobuf, "json": json_schema}[name]()
    for i in range(count):
        headers = []
        context = SerializationContext(topic, MessageField.VALUE, headers)
        value = serialize(event(i), context)

        def report(error, message, value=value, headers=headers):
            if error:
                raise SystemExit(str(error))
            read = None if form == "header" else plain(deserialize(value, SerializationContext(topic, MessageField.VALUE, headers)))
            print(json.dumps({"format": name, "partition": message.partition(), "offset": message.offset(), "event": read}, default=text_of))

        producer.produce(topic, key=f"{name}_{i % 7}", value=value, headers=headers, on_delivery=report)
    producer.flush()
