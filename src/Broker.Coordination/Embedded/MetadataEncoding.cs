using System.Buffers.Binary;
using System.Text;
using Broker.Storage;

namespace Broker.Coordination.Embedded;

/// <summary>How transactions and checkpoints stand in the log, as the operations of their records.</summary>
/// <remarks>
/// <para>All numbers are little-endian. A transaction: version (1 byte, 1), revision (8), number of deleted keys (4), each as a key; number of values (4), each as a key
/// followed by the revision that created it (8), the length of its bytes (4) and these. A key is its length in bytes (2) and its UTF-8.</para>
/// <para>A checkpoint: version (1 byte, 1), revision (8), number of values (4), each as in a transaction, with the revision that wrote it last (8) before the one that created it.</para>
/// <para>What goes with a lease is not written, as it does not outlive the process: a key that had a value without a lease and now has one with it counts as deleted. A transaction
/// of which nothing remains is written nevertheless, for its revision.</para>
/// </remarks>
internal static class MetadataEncoding
{
    private const byte Version = 1;
    private const int TransactionBytes = 1 + 8 + 4 + 4; // without its keys and values
    private const int CheckpointBytes = 1 + 8 + 4;
    private const int DeletedKeyBytes = 2; // without the key itself
    private const int ValueBytes = 2 + 8 + 4;
    private const int CheckpointValueBytes = ValueBytes + 8;

    /// <summary>Encodes what is left of a transaction after this process.</summary>
    /// <param name="change">What it has changed.</param>
    /// <param name="vanished">As in <see cref="MetadataOutcome.Vanished"/>.</param>
    public static byte[] EncodeTransaction(MetadataChange change, IReadOnlyList<string> vanished)
    {
        var lasting = change.Puts.Where(value => value.LeaseId == 0).ToList();
        var buffer = new byte[TransactionBytes
            + vanished.Sum(key => DeletedKeyBytes + Encoding.UTF8.GetByteCount(key))
            + lasting.Sum(value => ValueBytes + MetadataTree.Size(value))];
        var writer = new Writer(buffer);
        writer.Byte(Version);
        writer.Int64(change.Revision);
        writer.Int32(vanished.Count);
        foreach (var key in vanished)
        {
            writer.Key(key);
        }

        writer.Int32(lasting.Count);
        foreach (var value in lasting)
        {
            writer.Key(value.Key);
            writer.Int64(value.CreateRevision);
            writer.Bytes(value.Value.Span);
        }

        return buffer;
    }

    /// <summary>Encodes everything that is left of a tree after this process.</summary>
    public static byte[] EncodeCheckpoint(MetadataTree tree)
    {
        var lasting = tree.Values.Where(value => value.LeaseId == 0).ToList();
        var buffer = new byte[CheckpointBytes + lasting.Sum(value => CheckpointValueBytes + MetadataTree.Size(value))];
        var writer = new Writer(buffer);
        writer.Byte(Version);
        writer.Int64(tree.Revision);
        writer.Int32(lasting.Count);
        foreach (var value in lasting)
        {
            writer.Key(value.Key);
            writer.Int64(value.ModRevision);
            writer.Int64(value.CreateRevision);
            writer.Bytes(value.Value.Span);
        }

        return buffer;
    }

    /// <summary>Carries an encoded transaction out.</summary>
    /// <exception cref="InvalidDataException">The bytes are not one.</exception>
    /// <exception cref="StoreException">They are of a newer version.</exception>
    public static MetadataTree ReplayTransaction(MetadataTree tree, ReadOnlySpan<byte> bytes)
    {
        var reader = new Reader(bytes);
        CheckVersion(reader.Byte());
        var revision = reader.Int64();
        var deletes = new List<string>();
        for (var count = reader.Int32(); count > 0; count--)
        {
            deletes.Add(reader.Key());
        }

        var puts = new List<MetadataValue>();
        for (var count = reader.Int32(); count > 0; count--)
        {
            var key = reader.Key();
            var created = reader.Int64();
            puts.Add(new MetadataValue(key, reader.Bytes(), revision, created, 0));
        }

        reader.End();
        return tree.Replay(revision, puts, deletes);
    }

    /// <summary>The tree of an encoded checkpoint.</summary>
    /// <inheritdoc cref="ReplayTransaction" path="/exception"/>
    public static MetadataTree DecodeCheckpoint(ReadOnlySpan<byte> bytes)
    {
        var reader = new Reader(bytes);
        CheckVersion(reader.Byte());
        var revision = reader.Int64();
        var values = new List<MetadataValue>();
        for (var count = reader.Int32(); count > 0; count--)
        {
            var key = reader.Key();
            var modified = reader.Int64();
            var created = reader.Int64();
            values.Add(new MetadataValue(key, reader.Bytes(), modified, created, 0));
        }

        reader.End();
        return MetadataTree.Of(revision, values);
    }

    private static void CheckVersion(byte version)
    {
        if (version > Version)
        {
            throw new StoreException(
                StoreProblem.NewerFormat, $"the metadata store has a record of version {version}; this version of the broker reads up to {Version}. Start the newer version");
        }
    }

    private ref struct Writer(Span<byte> buffer)
    {
        private readonly Span<byte> _buffer = buffer;

        private int _length;

        public void Byte(byte value) => _buffer[_length++] = value;

        public void Int32(int value) => BinaryPrimitives.WriteInt32LittleEndian(Take(4), value);

        public void Int64(long value) => BinaryPrimitives.WriteInt64LittleEndian(Take(8), value);

        public void Key(string key)
        {
            var bytes = Encoding.UTF8.GetBytes(key, _buffer[(_length + 2)..]);
            BinaryPrimitives.WriteUInt16LittleEndian(Take(2), (ushort)bytes);
            _length += bytes;
        }

        public void Bytes(ReadOnlySpan<byte> value)
        {
            Int32(value.Length);
            value.CopyTo(Take(value.Length));
        }

        private Span<byte> Take(int count)
        {
            _length += count;
            return _buffer.Slice(_length - count, count);
        }
    }

    private ref struct Reader(ReadOnlySpan<byte> rest)
    {
        private ReadOnlySpan<byte> _rest = rest;

        public byte Byte() => Take(1)[0];

        public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

        public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Take(8));

        public string Key() => Encoding.UTF8.GetString(Take(BinaryPrimitives.ReadUInt16LittleEndian(Take(2))));

        // A copy: what was read is only lent.
        public byte[] Bytes() => Take(Int32()).ToArray();

        public readonly void End()
        {
            if (!_rest.IsEmpty)
            {
                throw new InvalidDataException($"{_rest.Length} bytes are too many");
            }
        }

        private ReadOnlySpan<byte> Take(int count)
        {
            if (count < 0 || count > _rest.Length)
            {
                throw new InvalidDataException($"{count} bytes are needed where {_rest.Length} are left");
            }

            var taken = _rest[..count];
            _rest = _rest[count..];
            return taken;
        }
    }
}
