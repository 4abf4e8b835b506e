using System.Globalization;
using System.Text.Json;

namespace Broker.Machines.Cluster;

/// <summary>Reads the JSON of a value member by member. Members that are unknown were written by a newer version that this one can do without, and are passed over.</summary>
internal ref struct ClusterValueReader(ReadOnlySpan<byte> source)
{
    /// <summary>The format that this version writes, and the newest that it reads.</summary>
    public const int Version = 1;

    public delegate bool MemberReader<T>(ref ClusterValueReader reader, string member, T into);

    private Utf8JsonReader _json = new(source);

    /// <summary>Reads a whole value. <paramref name="read"/> gets each member, reads its value and says <c>true</c>, or leaves it alone and says <c>false</c>.</summary>
    /// <exception cref="ClusterFormatException">It is no value of a version that is known.</exception>
    public static void ReadValue<T>(ReadOnlySpan<byte> source, T into, MemberReader<T> read)
    {
        try
        {
            var version = new ClusterValueReader(source).FindVersion();
            if (version != Version)
            {
                throw new ClusterFormatException($"its format is {version}; this version of the broker reads {Version}. Start the newer version");
            }

            var reader = new ClusterValueReader(source);
            reader._json.Read();
            reader.Object(into, read);
            reader._json.Read(); // fails if anything follows
        }
        catch (JsonException e)
        {
            throw new ClusterFormatException($"it is no JSON: {e.Message}");
        }
        catch (InvalidOperationException)
        {
            throw new ClusterFormatException("a text is no valid Unicode");
        }
    }

    /// <summary>Reads the members of the object that the reader is at the beginning of.</summary>
    public void Object<T>(T into, MemberReader<T> read)
    {
        Expect(JsonTokenType.StartObject, "an object");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (_json.Read() && _json.TokenType == JsonTokenType.PropertyName)
        {
            var member = _json.GetString()!;
            if (!seen.Add(member))
            {
                throw new ClusterFormatException($"member '{member}' comes twice");
            }

            _json.Read();
            if (!read(ref this, member, into))
            {
                _json.Skip();
            }
        }
    }

    /// <summary>Whether the reader is at the beginning of another element of an array; the first call is at the array's beginning.</summary>
    public bool NextElement(ref bool isFirst)
    {
        if (isFirst)
        {
            Expect(JsonTokenType.StartArray, "an array");
            isFirst = false;
        }

        return _json.Read() && _json.TokenType != JsonTokenType.EndArray;
    }

    public readonly bool IsNull => _json.TokenType == JsonTokenType.Null;

    public readonly string Text()
    {
        Expect(JsonTokenType.String, "a text");
        return _json.GetString()!;
    }

    /// <summary>Reads an array of texts.</summary>
    public void Texts(List<string> into)
    {
        for (var isFirst = true; NextElement(ref isFirst);)
        {
            into.Add(Text());
        }
    }

    public readonly int Int32()
    {
        Expect(JsonTokenType.Number, "a number");
        return _json.TryGetInt32(out var value) ? value : throw new ClusterFormatException("a number is no 32-bit integer");
    }

    public readonly long Int64()
    {
        Expect(JsonTokenType.Number, "a number");
        return _json.TryGetInt64(out var value) ? value : throw new ClusterFormatException("a number is no 64-bit integer");
    }

    public readonly Guid Guid() =>
        System.Guid.TryParseExact(Text(), "D", out var value) && value != System.Guid.Empty ? value : throw new ClusterFormatException($"'{Text()}' is no number of a store");

    public readonly long Incarnation() =>
        long.TryParse(Text(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) && value > 0
            ? value
            : throw new ClusterFormatException($"'{Text()}' is no number of a lease");

    private readonly void Expect(JsonTokenType type, string what)
    {
        if (_json.TokenType != type)
        {
            throw new ClusterFormatException($"where {what} is expected, there is {_json.TokenType}");
        }
    }

    private int FindVersion()
    {
        _json.Read();
        var found = new int[1];
        Object(found, static (ref ClusterValueReader reader, string member, int[] into) =>
        {
            if (member != "format")
            {
                return false;
            }

            into[0] = reader.Int32();
            return true;
        });
        return found[0] > 0 ? found[0] : throw new ClusterFormatException("it does not say its format");
    }
}
