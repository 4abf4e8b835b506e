using Broker.Coordination.Embedded;
using Broker.Coordination.Tests.Contract;
using Broker.Storage;
using static Broker.Coordination.Tests.Contract.Texts;

namespace Broker.Coordination.Tests.Embedded;

/// <summary>What is on disks out there: a changed vector is a changed format, which needs a new version and a reader for this one.</summary>
public sealed class MetadataEncodingTests
{
    private const string Transaction =
        "01" + "0400000000000000" // version, revision
        + "02000000" + "0300" + "642f31" + "0200" + "c3a9" // deleted: d/1, é
        + "02000000" + "0100" + "61" + "0200000000000000" + "03000000" + "010203" // put: a, created by 2
        + "0400" + "f0908080" + "0400000000000000" + "00000000"; // put: U+10000, created by 4, empty

    private const string Checkpoint =
        "01" + "0900000000000000" + "02000000" // version, revision, values
        + "0100" + "61" + "0400000000000000" + "0200000000000000" + "03000000" + "010203"
        + "0400" + "f0908080" + "0900000000000000" + "0900000000000000" + "00000000";

    [Fact]
    public void A_transaction_is_encoded_as_it_always_was()
    {
        var puts = new[] { Value("a", [1, 2, 3], 4, 2), Value("\U00010000", [], 4, 4), Value("leased", [9], 4, 4) with { LeaseId = 5 } };
        var bytes = MetadataEncoding.EncodeTransaction(new MetadataChange(4, puts, ["d/1", "é", "was leased"]), ["d/1", "é"]);
        Assert.Equal(Transaction, Convert.ToHexStringLower(bytes));
    }

    [Fact]
    public void An_encoded_transaction_is_carried_out()
    {
        var before = MetadataTree.Of(3, [Value("a", [9], 2, 2), Value("b", [8], 3, 3), Value("d/1", [7], 1, 1)]);
        var tree = MetadataEncoding.ReplayTransaction(before, Convert.FromHexString(Transaction));
        Assert.Equal(4, tree.Revision);
        Assert.Equal(new[] { Value("a", [1, 2, 3], 4, 2), Value("b", [8], 3, 3), Value("\U00010000", [], 4, 4) }.Exactly(), tree.Values.Exactly());
    }

    [Fact]
    public void A_checkpoint_is_encoded_as_it_always_was()
    {
        var tree = MetadataTree.Of(8, [Value("a", [1, 2, 3], 4, 2)]).Grant(5);
        tree = tree.Apply(Do(MetadataOperation.Put("leased", new byte[1], 5), MetadataOperation.Put("\U00010000", default(ReadOnlyMemory<byte>)))).Tree;
        Assert.Equal(Checkpoint, Convert.ToHexStringLower(MetadataEncoding.EncodeCheckpoint(tree)));
    }

    [Fact]
    public void An_encoded_checkpoint_is_the_tree()
    {
        var tree = MetadataEncoding.DecodeCheckpoint(Convert.FromHexString(Checkpoint));
        Assert.Equal(9, tree.Revision);
        Assert.Equal(new[] { Value("a", [1, 2, 3], 4, 2), Value("\U00010000", [], 9, 9) }.Exactly(), tree.Values.Exactly());
    }

    [Fact]
    public void A_newer_version_is_left_to_a_newer_broker()
    {
        byte[] bytes = [2, .. Convert.FromHexString(Transaction)[1..]];
        Assert.Equal(StoreProblem.NewerFormat, Assert.Throws<StoreException>(() => MetadataEncoding.ReplayTransaction(MetadataTree.Empty, bytes)).Problem);
        Assert.Equal(StoreProblem.NewerFormat, Assert.Throws<StoreException>(() => MetadataEncoding.DecodeCheckpoint(bytes)).Problem);
    }

    [Fact]
    public void What_is_cut_off_or_too_long_is_not_understood()
    {
        var transaction = Convert.FromHexString(Transaction);
        var checkpoint = Convert.FromHexString(Checkpoint);
        for (var length = 0; length < transaction.Length; length++)
        {
            Assert.Throws<InvalidDataException>(() => MetadataEncoding.ReplayTransaction(MetadataTree.Empty, transaction.AsSpan(0, length)));
        }

        for (var length = 0; length < checkpoint.Length; length++)
        {
            Assert.Throws<InvalidDataException>(() => MetadataEncoding.DecodeCheckpoint(checkpoint.AsSpan(0, length)));
        }

        Assert.Throws<InvalidDataException>(() => MetadataEncoding.ReplayTransaction(MetadataTree.Empty, [.. transaction, 0]));
        Assert.Throws<InvalidDataException>(() => MetadataEncoding.DecodeCheckpoint([.. checkpoint, 0]));
    }

    private static MetadataValue Value(string key, byte[] bytes, long modified, long created) => new(key, bytes, modified, created, 0);
}
