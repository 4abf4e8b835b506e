using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Broker.Protocol;

/// <summary>
/// Named values: the headers of a message, the arguments of a declaration (docs/protocol.md, section 5.3). At most 1,024 entries and 64 KiB
/// encoded; the order is kept, names are unique and compared byte by byte. Immutable.
/// </summary>
[SuppressMessage("Naming", "CA1710", Justification = "Table is the protocol's word.")]
public sealed class FieldTable : IReadOnlyList<KeyValuePair<string, FieldValue>>, IEquatable<FieldTable>
{
    private const int SmallTable = 16;
    private readonly KeyValuePair<string, FieldValue>[] _entries;

    private FieldTable(KeyValuePair<string, FieldValue>[] entries) => _entries = entries;

    /// <summary>No entries.</summary>
    public static FieldTable Empty { get; } = new([]);

    /// <inheritdoc/>
    public int Count => _entries.Length;

    /// <inheritdoc/>
    public KeyValuePair<string, FieldValue> this[int index] => _entries[index];

    /// <summary>Makes a table.</summary>
    /// <exception cref="ArgumentException">A name occurs twice, or a limit is exceeded.</exception>
    public static FieldTable Of(params IEnumerable<KeyValuePair<string, FieldValue>> entries)
    {
        var table = new FieldTable([.. entries]);
        if (HasDuplicate(table._entries))
        {
            throw new ArgumentException("a name occurs twice", nameof(entries));
        }

        var measure = PayloadWriter.Measure();
        table.Write(ref measure);
        return table;
    }

    /// <summary>Makes a table of name and value pairs.</summary>
    /// <exception cref="ArgumentException">A name occurs twice, or a limit is exceeded.</exception>
    public static FieldTable Of(params (string Name, FieldValue Value)[] entries) =>
        Of(entries.Select(static entry => KeyValuePair.Create(entry.Name, entry.Value)));

    /// <summary>Finds a value by its name.</summary>
    public bool TryGetValue(string name, out FieldValue value)
    {
        foreach (var entry in _entries)
        {
            if (string.Equals(entry.Key, name, StringComparison.Ordinal))
            {
                value = entry.Value;
                return true;
            }
        }

        value = default;
        return false;
    }

    /// <inheritdoc/>
    public bool Equals(FieldTable? other) => other is not null && _entries.AsSpan().SequenceEqual(other._entries);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as FieldTable);

    /// <inheritdoc/>
    public override int GetHashCode() => _entries.Length == 0 ? 0 : HashCode.Combine(_entries.Length, _entries[0].Key);

    /// <inheritdoc/>
    public override string ToString() => $"{{{string.Join(", ", _entries.Select(static entry => $"{entry.Key}: {entry.Value}"))}}}";

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, FieldValue>> GetEnumerator() => _entries.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The table's encoding by itself.</summary>
    /// <exception cref="ArgumentException">A limit is exceeded.</exception>
    public byte[] ToBytes()
    {
        var measure = PayloadWriter.Measure();
        Write(ref measure);
        var bytes = new byte[measure.Length];
        var writer = PayloadWriter.To(bytes);
        Write(ref writer);
        return bytes;
    }

    /// <summary>Reads what <see cref="ToBytes"/> gave.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out FieldTable table, out FrameFault fault)
    {
        var reader = new PayloadReader(bytes);
        table = Read(ref reader, "table");
        return reader.End(out fault);
    }

    internal static FieldTable Read(ref PayloadReader reader, string field)
    {
        var before = reader.Remaining;
        var count = ReadCount(ref reader, field);
        if (count == 0)
        {
            return Empty;
        }

        var entries = new KeyValuePair<string, FieldValue>[count];
        for (var i = 0; i < count && !reader.Failed; i++)
        {
            entries[i] = new(reader.Name(field), FieldValueCodec.Read(ref reader));
        }

        CheckSize(ref reader, before, field);
        if (reader.Failed)
        {
            return Empty;
        }

        if (HasDuplicate(entries))
        {
            reader.Fail($"{field}: a name occurs twice");
        }

        return new FieldTable(entries);
    }

    /// <summary>Moves past a table and checks it; allocates only for tables of more than 16 entries, to find a name that occurs twice.</summary>
    internal static void Skip(ref PayloadReader reader, string field)
    {
        var start = reader;
        var before = reader.Remaining;
        var count = ReadCount(ref reader, field);
        if (count > SmallTable)
        {
            reader = start;
            Read(ref reader, field);
            return;
        }

        var source = reader.Peek();
        Span<(int Offset, int Length)> names = stackalloc (int, int)[SmallTable];
        for (var i = 0; i < count && !reader.Failed; i++)
        {
            var name = reader.Utf8Bytes(field, ProtocolLimits.MaxNameBytes);
            for (var j = 0; j < i && !reader.Failed; j++)
            {
                if (source.Slice(names[j].Offset, names[j].Length).SequenceEqual(name))
                {
                    reader.Fail($"{field}: a name occurs twice");
                }
            }

            names[i] = (source.Length - reader.Remaining - name.Length, name.Length);
            FieldValueCodec.Skip(ref reader);
        }

        CheckSize(ref reader, before, field);
    }

    internal void Write(ref PayloadWriter writer)
    {
        var before = writer.Length;
        if (_entries.Length > ProtocolLimits.MaxTableEntries)
        {
            throw new ArgumentException($"{_entries.Length} entries; at most {ProtocolLimits.MaxTableEntries} are allowed");
        }

        writer.Number(_entries.Length);
        foreach (var (name, value) in _entries)
        {
            writer.Name("name", name);
            FieldValueCodec.Write(ref writer, value);
        }

        if (writer.Length - before > ProtocolLimits.MaxTableBytes)
        {
            throw new ArgumentException($"{writer.Length - before} bytes encoded; at most {ProtocolLimits.MaxTableBytes} are allowed");
        }
    }

    private static int ReadCount(ref PayloadReader reader, string field)
    {
        var count = (int)reader.Number(field, ProtocolLimits.MaxTableEntries);
        if (count > reader.Remaining / 2)
        {
            // The shortest entry is an empty name and a type byte.
            reader.Fail($"{field}: more entries than bytes");
            return 0;
        }

        return count;
    }

    private static void CheckSize(ref PayloadReader reader, int before, string field)
    {
        if (!reader.Failed && before - reader.Remaining > ProtocolLimits.MaxTableBytes)
        {
            reader.Fail(ErrorCode.LimitExceeded, $"{field}: more than {ProtocolLimits.MaxTableBytes} bytes");
        }
    }

    private static bool HasDuplicate(KeyValuePair<string, FieldValue>[] entries)
    {
        if (entries.Length > SmallTable)
        {
            var seen = new HashSet<string>(entries.Length, StringComparer.Ordinal);
            return !entries.All(entry => seen.Add(entry.Key));
        }

        for (var i = 1; i < entries.Length; i++)
        {
            for (var j = 0; j < i; j++)
            {
                if (string.Equals(entries[i].Key, entries[j].Key, StringComparison.Ordinal))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
