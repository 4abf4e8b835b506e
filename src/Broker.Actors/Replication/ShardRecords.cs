using Broker.Machines;
using Broker.Machines.Ledgers;
using Broker.Storage.Log;
using Broker.Storage.Records;

namespace Broker.Actors.Replication;

/// <summary>What is known of a record of the shard's log.</summary>
internal struct ShardRecord
{
    /// <summary>The epoch that it was written in.</summary>
    public long Epoch;

    /// <summary>Where it is in the node's log; -1 while that is not known here.</summary>
    public long Position;

    /// <summary>Its length there.</summary>
    public int Length;

    /// <summary>While it is not carried out: the record on its way to the disk.</summary>
    public LogRecord? InMemory;

    /// <summary>While it is not carried out, and was read from the disk: what it says.</summary>
    public Storage.HeldRecord? Held;

    /// <summary>Whose it is, while it is not carried out.</summary>
    public readonly ulong? Entity => InMemory?.Entity ?? Held?.Entity;

    /// <summary>Where it is, as far as known.</summary>
    public readonly (long Position, int Length) Place => InMemory is { } record ? (record.Position, record.Length) : (Position, Length);

    /// <summary>It is carried out, and on the disk: from now on only its place is known.</summary>
    public void Settle()
    {
        (Position, Length) = Place;
        InMemory = null;
        Held = null;
    }
}

/// <summary>The records of a shard that are still in the node's log, by their index.</summary>
internal sealed class ShardRecords
{
    private ShardRecord[] _ring = new ShardRecord[16];

    /// <summary>Index of the first that is known.</summary>
    public ulong First { get; private set; } = 1;

    /// <summary>Index of the last; one less than <see cref="First"/> if there is none.</summary>
    public ulong Last { get; private set; }

    public bool Has(ulong index) => index >= First && index <= Last;

    /// <summary>The record with an index, which must be there.</summary>
    public ref ShardRecord this[ulong index]
    {
        get
        {
            Invariant.That(Has(index), "only records that are known are asked for");
            return ref _ring[index % (ulong)_ring.Length];
        }
    }

    /// <summary>Begins anew behind an index.</summary>
    public void Reset(ulong last)
    {
        Array.Clear(_ring);
        (First, Last) = (last + 1, last);
    }

    public void Add(in ShardRecord record)
    {
        if (Last + 1 - First == (ulong)_ring.Length)
        {
            Grow();
        }

        Last++;
        _ring[Last % (ulong)_ring.Length] = record;
    }

    public void CutFrom(ulong index)
    {
        for (; Last >= index && Last >= First; Last--)
        {
            _ring[Last % (ulong)_ring.Length] = default;
        }
    }

    public void ForgetBefore(ulong index)
    {
        for (; First < index && First <= Last; First++)
        {
            _ring[First % (ulong)_ring.Length] = default;
        }
    }

    private void Grow()
    {
        var larger = new ShardRecord[_ring.Length * 2];
        for (var i = First; i <= Last; i++)
        {
            larger[i % (ulong)larger.Length] = _ring[i % (ulong)_ring.Length];
        }

        _ring = larger;
    }
}

/// <summary>What a record asks for, be it in memory or read from the disk.</summary>
internal readonly record struct ShardOperation(RecordKind Kind, ulong Entity, ulong Index, QueueRecord? Operations, int MessageCount)
{
    /// <exception cref="LedgerFormatException">This version cannot read it.</exception>
    public static ShardOperation Of(LogRecord record)
    {
        if (record.Kind != RecordKind.Operations || ShardEntity.Is(record.Entity))
        {
            return new ShardOperation(record.Kind, record.Entity, record.Index, null, 0);
        }

        long bytes = 0;
        for (var i = 0; i < record.MessageCount; i++)
        {
            bytes += record.GetMessage(i, out _).Length;
        }

        return new ShardOperation(record.Kind, record.Entity, record.Index, QueueRecordCodec.Decode(record.Operations.Span, record.FirstPosition, bytes), record.MessageCount);
    }

    public static ShardOperation Of(Storage.HeldRecord record) => new(record.Kind, record.Entity, record.Index, record.Operations, record.MessageCount);
}
