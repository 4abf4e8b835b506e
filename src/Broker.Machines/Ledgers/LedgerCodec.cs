using System.Buffers;
using System.Text;
using Broker.Protocol;

namespace Broker.Machines.Ledgers;

/// <summary>Writes numbers, texts and ranges of a ledger (docs/storage.md, "Operations"): varints as on the wire, texts with their length before them.</summary>
internal readonly ref struct LedgerWriter(ArrayBufferWriter<byte> output)
{
    public void Number(ulong value) => output.Advance(Varint.Write(output.GetSpan(Varint.MaxSize), value));

    public void Text(string value)
    {
        var size = Encoding.UTF8.GetByteCount(value);
        Number((ulong)size);
        output.Advance(Encoding.UTF8.GetBytes(value, output.GetSpan(size)));
    }

    public void Section(LedgerSection section, ArrayBufferWriter<byte> content)
    {
        Number((ulong)section);
        Number((ulong)content.WrittenCount);
        output.Write(content.WrittenSpan);
    }
}

/// <summary>Reads what <see cref="LedgerWriter"/> wrote. The bytes have passed their checksum: what does not fit the format was written by something else.</summary>
internal ref struct LedgerReader(ReadOnlySpan<byte> source)
{
    private ReadOnlySpan<byte> _rest = source;
    private ulong _sections; // a bit for each that has come

    public readonly bool AtEnd => _rest.IsEmpty;

    public ulong Number()
    {
        if (!Varint.TryRead(_rest, out var value, out var read))
        {
            throw new LedgerFormatException("the operations end within a number");
        }

        _rest = _rest[read..];
        return value;
    }

    /// <summary>A first position, counted from another, and how many more there are.</summary>
    public PositionRange Range(ulong from)
    {
        var first = from + Number();
        var last = first + Number();
        if (last > Varint.Max)
        {
            throw new LedgerFormatException("positions are higher than any can be");
        }

        return new PositionRange(first, last);
    }

    /// <summary>The next section. None comes twice.</summary>
    public LedgerSection Section(out LedgerReader content)
    {
        var number = Number();
        var bit = number < 64 ? 1UL << (int)number : 0;
        if ((_sections & bit) != 0)
        {
            throw new LedgerFormatException($"section {number} comes twice");
        }

        _sections |= bit;
        content = new LedgerReader(Bytes());
        return (LedgerSection)number;
    }

    public string Text() => Encoding.UTF8.GetString(Bytes());

    public ReadOnlySpan<byte> Bytes()
    {
        var length = Number();
        if (length > (ulong)_rest.Length)
        {
            throw new LedgerFormatException("the operations end within a field");
        }

        var bytes = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return bytes;
    }
}

/// <summary>Parts of the operations and checkpoints of a queue, and of the state of a shard's log. The numbers are on disk and never change their meaning; new ones may come.</summary>
internal enum LedgerSection
{
    /// <summary>Producers and how far they are.</summary>
    Producers = 1,

    /// <summary>Positions that were handed out.</summary>
    Delivered = 2,

    /// <summary>Positions that left, and their bytes.</summary>
    Settled = 3,

    /// <summary>Priorities of positions that joined, or of all.</summary>
    Priorities = 4,

    /// <summary>Positions that are held back until a time.</summary>
    Held = 5,

    /// <summary>Positions that wait to be dead-lettered.</summary>
    Dead = 6,

    /// <summary>Ids of messages that joined.</summary>
    Ids = 7,

    /// <summary>Positions with a key of which only the newest message stays.</summary>
    Keyed = 8,

    /// <summary>Whether the queue is paused.</summary>
    Paused = 9,

    /// <summary>The highest position with an expiration of its own.</summary>
    Expiring = 10,

    /// <summary>What was refused of producers.</summary>
    Refused = 11,

    /// <summary>Checkpoint: next position, bytes.</summary>
    State = 16,

    /// <summary>Checkpoint: messages that are in the queue, with their delivery counts.</summary>
    Live = 17,

    /// <summary>Checkpoint: segment files.</summary>
    Segments = 18,

    /// <summary>Checkpoint: ids that are remembered, and until when.</summary>
    Remembered = 19,

    /// <summary>Checkpoint: the number of the last message that died.</summary>
    Deaths = 20,

    /// <summary>State of a shard's log: epoch, what is committed, whether a snapshot is being installed, first and last record.</summary>
    Shard = 32,

    /// <summary>State of a shard's log: which epoch has written which part.</summary>
    Eras = 33,
}

/// <summary>Operations of a queue, or a state, that this version cannot read: of a newer version, or not operations at all.</summary>
public sealed class LedgerFormatException(string message) : Exception(message);
