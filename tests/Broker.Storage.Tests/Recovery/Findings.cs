using Broker.Storage.Records;
using Broker.Storage.Recovery;
using Broker.Storage.Tests.Log;

namespace Broker.Storage.Tests.Recovery;

/// <summary>A record as recovery has handed it over, copied: its bytes are only lent.</summary>
internal sealed record FoundRecord(RecordHeader Header, byte[] Operations, IReadOnlyList<FoundMessage> Messages)
{
    public override string ToString() => $"{Header.Kind} {Header.Entity}/{Header.Index}";
}

/// <summary>A message of such a record; without bytes if it is damaged.</summary>
internal sealed record FoundMessage(ulong Position, ulong Meta, byte[]? Bytes);

/// <summary>Notes what a recovery finds.</summary>
internal sealed class Findings : ILogRecoveryHandler
{
    public List<FoundRecord> Records { get; } = [];

    public List<StoreDamage> Damages { get; } = [];

    public List<LostRecords> Lost { get; } = [];

    public List<TornTail> TornTails { get; } = [];

    public List<RecoveryProgress> Progress { get; } = [];

    /// <summary>From where on an entity needs the log; by default from its first record on.</summary>
    public Dictionary<ulong, long> NeededFrom { get; init; } = [];

    /// <summary>Everything in order, short: entity/index for a record, and words for the rest.</summary>
    public List<string> Story { get; } = [];

    public bool IsQuiet => Damages.Count == 0 && Lost.Count == 0;

    public void OnRecord(StoredRecord record)
    {
        Records.Add(new FoundRecord(
            record.Header,
            record.Operations.ToArray(),
            [.. record.Messages().Select(m => new FoundMessage(m.Position, m.Meta, m.State == StoredMessageState.Intact ? m.Bytes.ToArray() : null))]));
        Story.Add($"{record.Header.Entity}/{record.Header.Index}");
    }

    public void OnDamage(StoreDamage damage)
    {
        Damages.Add(damage);
        Story.Add("damage");
    }

    public void OnLost(LostRecords lost)
    {
        Lost.Add(lost);
        Story.Add($"lost {lost.Entity}/{lost.FirstIndex}-{lost.LastIndex}");
    }

    public void OnTornTail(TornTail tail)
    {
        TornTails.Add(tail);
        Story.Add("torn");
    }

    public IEnumerable<(ulong Entity, long NeededFrom)> Complete()
    {
        var deleted = Records.Where(r => r.Header.Kind == RecordKind.Deleted).Select(r => r.Header.Entity).ToHashSet();
        foreach (var entity in Records.GroupBy(r => r.Header.Entity).Where(g => !deleted.Contains(g.Key)))
        {
            NeededFrom.TryAdd(entity.Key, entity.First().Header.Position);
        }

        return NeededFrom.Select(e => (e.Key, e.Value)).ToList();
    }

    /// <summary>Fails unless each record has the bytes that a <see cref="TestRecord"/> of its entity and number has; messages that are damaged have none.</summary>
    public void CheckBytes()
    {
        foreach (var record in Records)
        {
            Assert.Equal(TestRecord.OperationsOf(record.Header.Entity, record.Header.Index, record.Operations.Length), record.Operations);
            Assert.Equal(record.Header.MessageCount, record.Messages.Count);
            for (var i = 0; i < record.Messages.Count; i++)
            {
                var (position, meta, bytes) = record.Messages[i];
                Assert.Equal((record.Header.FirstPosition + (ulong)i, TestRecord.MetaOf(i)), (position, meta));
                Assert.Equal(bytes is null ? null : TestRecord.MessageOf(record.Header.Entity, position, bytes.Length), bytes);
            }
        }
    }
}
