namespace Broker.Protocol;

/// <summary>Values as bytes: a type byte, then its data (docs/protocol.md, section 5.3).</summary>
internal static class FieldValueCodec
{
    private const byte NullType = 0;
    private const byte FalseType = 1;
    private const byte TrueType = 2;
    private const byte IntegerType = 3;
    private const byte DoubleType = 4;
    private const byte TextType = 5;
    private const byte BytesType = 6;
    private const byte ListType = 7;

    public static FieldValue Read(ref PayloadReader reader, int depth = 0)
    {
        switch (reader.Byte("value type"))
        {
            case NullType:
                return FieldValue.Null;
            case FalseType:
                return false;
            case TrueType:
                return true;
            case IntegerType:
                return (long)reader.UInt64("integer");
            case DoubleType:
                return BitConverter.UInt64BitsToDouble(reader.UInt64("double"));
            case TextType:
                return reader.Text("text", ProtocolLimits.MaxTableBytes);
            case BytesType:
                return reader.Bytes("bytes", ProtocolLimits.MaxTableBytes).ToArray();
            case ListType:
                return ReadList(ref reader, depth);
            case var type:
                reader.Fail($"value type: {type} is unknown");
                return FieldValue.Null;
        }
    }

    /// <summary>Moves past one value and checks it, without making anything of it.</summary>
    public static void Skip(ref PayloadReader reader, int depth = 0)
    {
        switch (reader.Byte("value type"))
        {
            case NullType or FalseType or TrueType:
                break;
            case IntegerType or DoubleType:
                reader.UInt64("number");
                break;
            case TextType:
                reader.Utf8Bytes("text", ProtocolLimits.MaxTableBytes);
                break;
            case BytesType:
                reader.Bytes("bytes", ProtocolLimits.MaxTableBytes);
                break;
            case ListType:
                var count = ListCount(ref reader, depth);
                for (var i = 0; i < count && !reader.Failed; i++)
                {
                    Skip(ref reader, depth + 1);
                }

                break;
            case var type:
                reader.Fail($"value type: {type} is unknown");
                break;
        }
    }

    public static void Write(ref PayloadWriter writer, FieldValue value, int depth = 0)
    {
        switch (value.Kind)
        {
            case FieldKind.Null:
                writer.Byte(NullType);
                break;
            case FieldKind.Boolean:
                writer.Byte(value.AsBoolean() is true ? TrueType : FalseType);
                break;
            case FieldKind.Integer:
                writer.Byte(IntegerType);
                writer.UInt64((ulong)value.AsInteger().GetValueOrDefault());
                break;
            case FieldKind.Double:
                writer.Byte(DoubleType);
                writer.UInt64(BitConverter.DoubleToUInt64Bits(value.AsDouble().GetValueOrDefault()));
                break;
            case FieldKind.Text:
                writer.Byte(TextType);
                writer.Text("text", value.AsText()!, ProtocolLimits.MaxTableBytes);
                break;
            case FieldKind.Bytes:
                writer.Byte(BytesType);
                writer.Bytes(value.AsBytes());
                break;
            default:
                WriteList(ref writer, value.AsList()!, depth);
                break;
        }
    }

    private static FieldValue ReadList(ref PayloadReader reader, int depth)
    {
        var count = ListCount(ref reader, depth);
        var items = new FieldValue[count];
        for (var i = 0; i < count && !reader.Failed; i++)
        {
            items[i] = Read(ref reader, depth + 1);
        }

        return FieldValue.List(items);
    }

    private static int ListCount(ref PayloadReader reader, int depth)
    {
        if (depth >= ProtocolLimits.MaxTableDepth)
        {
            reader.Fail(ErrorCode.LimitExceeded, $"list: nested more than {ProtocolLimits.MaxTableDepth} deep");
            return 0;
        }

        var count = (int)reader.Number("list count", ProtocolLimits.MaxTableEntries);
        if (count > reader.Remaining)
        {
            reader.Fail("list count: more items than bytes");
            return 0;
        }

        return count;
    }

    private static void WriteList(ref PayloadWriter writer, IReadOnlyList<FieldValue> items, int depth)
    {
        if (depth >= ProtocolLimits.MaxTableDepth || items.Count > ProtocolLimits.MaxTableEntries)
        {
            throw new ArgumentException(
                $"a list holds at most {ProtocolLimits.MaxTableEntries} items and nests at most {ProtocolLimits.MaxTableDepth} deep", nameof(items));
        }

        writer.Byte(ListType);
        writer.Number(items.Count);
        foreach (var item in items)
        {
            Write(ref writer, item, depth + 1);
        }
    }
}
