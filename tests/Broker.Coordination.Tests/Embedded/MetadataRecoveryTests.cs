using Broker.Coordination.Embedded;
using Broker.Coordination.Tests.Contract;
using Broker.Storage.Records;
using Broker.Storage.Recovery;

namespace Broker.Coordination.Tests.Embedded;

public sealed class MetadataRecoveryTests
{
    private readonly MetadataRecovery _recovery = new(entity: 1);

    [Fact]
    public void A_checkpoint_stands_for_everything_before_it()
    {
        _recovery.OnRecord(Transaction(index: 5, position: 1000, revision: 7, "old"));
        _recovery.OnRecord(Checkpoint(index: 6, position: 2000, revision: 7, "a"));
        _recovery.OnRecord(Transaction(index: 7, position: 3000, revision: 8, "b"));
        Assert.Equal([(1UL, 2000L)], _recovery.Complete());
        Assert.Equal("a= b=", _recovery.Tree.Values.Text());
        Assert.Equal((8, 7UL), (_recovery.Tree.Revision, _recovery.LastIndex));
        Assert.Equal(2000 + RecordHeader.Size + MetadataEncoding.EncodeCheckpoint(Tree(7, "a")).Length, _recovery.CheckpointEnd);
        Assert.Empty(_recovery.Skipped);
    }

    [Fact]
    public void Without_a_checkpoint_the_first_record_is_needed()
    {
        _recovery.OnRecord(Transaction(index: 1, position: 64, revision: 1, "a"));
        _recovery.OnRecord(Transaction(index: 2, position: 300, revision: 2, "b"));
        Assert.Equal([(1UL, 64L)], _recovery.Complete());
        Assert.Empty(_recovery.Skipped);
    }

    [Fact]
    public void An_empty_log_needs_nothing()
    {
        Assert.Empty(_recovery.Complete());
        Assert.Equal((0, 0UL), (_recovery.Tree.Revision, _recovery.LastIndex));
        Assert.Empty(_recovery.Skipped);
    }

    [Fact]
    public void Records_that_are_missing_take_their_revisions_and_numbers_with_them()
    {
        _recovery.OnRecord(Transaction(index: 1, position: 64, revision: 1, "a"));
        _recovery.OnLost(new LostRecords(1, 2, 5, 0, 0));
        Assert.Equal((5, 5UL), (_recovery.Tree.Revision, _recovery.LastIndex));
        Assert.Equal(["records 2 to 5 are missing"], _recovery.Skipped);
    }

    [Fact]
    public void A_damaged_piece_takes_as_many_revisions_with_it_as_it_may_have_held()
    {
        _recovery.OnRecord(Transaction(index: 1, position: 64, revision: 1, "a"));
        _recovery.OnDamage(new StoreDamage { File = "f", Offset = 200, Length = 10 * RecordHeader.Size, Reason = "it is red" });
        Assert.InRange(_recovery.Tree.Revision, 1 + 10, 1 + 11);
        Assert.Equal([$"'f' at offset 200, {10 * RecordHeader.Size} bytes: it is red"], _recovery.Skipped);
    }

    [Fact]
    public void A_checkpoint_does_not_bring_revisions_back()
    {
        _recovery.OnDamage(new StoreDamage { File = "f", Offset = 64, Length = 1000, Reason = "it is red" });
        var revision = _recovery.Tree.Revision;
        _recovery.OnRecord(Checkpoint(index: 2, position: 2000, revision: 1, "a"));
        Assert.Equal(revision, _recovery.Tree.Revision);
    }

    [Fact]
    public void A_record_of_somebody_else_is_not_understood()
    {
        _recovery.OnRecord(Record(RecordKind.Operations, 1, 64, MetadataEncoding.EncodeCheckpoint(Tree(1)), entity: 2));
        _recovery.OnRecord(Record(RecordKind.Deleted, 1, 200, []));
        Assert.Equal(2, _recovery.Skipped.Count);
    }

    private static StoredRecord Transaction(ulong index, long position, long revision, string key) =>
        Record(RecordKind.Operations, index, position, MetadataEncoding.EncodeTransaction(new MetadataChange(revision, [.. Tree(revision, key).Values], []), []));

    private static StoredRecord Checkpoint(ulong index, long position, long revision, string key) =>
        Record(RecordKind.Checkpoint, index, position, MetadataEncoding.EncodeCheckpoint(Tree(revision, key)));

    private static MetadataTree Tree(long revision, params string[] keys) =>
        MetadataTree.Of(revision, [.. keys.Select(key => new MetadataValue(key, default, revision, revision, 0))]);

    private static StoredRecord Record(RecordKind kind, ulong index, long position, byte[] operations, ulong entity = 1)
    {
        var key = StoreKey.Of(SimulatedStore.StoreNumber);
        var bytes = new byte[RecordHeader.Size + operations.Length];
        operations.CopyTo(bytes, RecordHeader.Size);
        new RecordHeader
        {
            Kind = kind,
            Version = RecordHeader.CurrentVersion,
            Position = position,
            Entity = entity,
            Index = index,
            ControlBytes = operations.Length,
            ControlChecksum = Crc32C.Compute(operations),
        }.Write(bytes, key);
        return StoredRecord.TryParse(bytes, key, position)!;
    }
}
