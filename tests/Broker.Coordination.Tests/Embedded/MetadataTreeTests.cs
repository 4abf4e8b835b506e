using System.Text;
using Broker.Coordination.Embedded;
using Broker.Coordination.Tests.Contract;
using static Broker.Coordination.Tests.Contract.Texts;

namespace Broker.Coordination.Tests.Embedded;

public sealed class MetadataTreeTests
{
    [Fact]
    public void An_empty_tree_has_revision_0_and_nothing_in_it()
    {
        Assert.Equal(0, MetadataTree.Empty.Revision);
        Assert.Equal(0, MetadataTree.Empty.Bytes);
        Assert.Empty(MetadataTree.Empty.Read("").Values);
        Assert.Null(MetadataTree.Empty.Find("a"));
    }

    [Fact]
    public void A_transaction_makes_another_tree_and_leaves_the_one_before_as_it_was()
    {
        var before = MetadataTree.Empty.Apply(Do(Put("a", "1"), Put("b", "1"))).Tree;
        var after = before.Apply(Do(Put("a", "2"), Delete("b"))).Tree;
        Assert.Equal((1, "a=1 b=1"), (before.Revision, before.Read("").Text()));
        Assert.Equal((2, "a=2"), (after.Revision, after.Read("").Text()));
    }

    [Fact]
    public void What_changes_nothing_gives_the_same_tree()
    {
        var tree = MetadataTree.Empty.Apply(Do(Put("a", "1"))).Tree;
        Assert.Same(tree, tree.Apply(Do(Put("a", "2")).When("a", 0)).Tree);
        Assert.Same(tree, tree.Apply(Do(Delete("b"))).Tree);
        Assert.Same(tree, tree.Apply(Do()).Tree);
        Assert.Null(tree.Apply(Do(Delete("b"))).Change);
    }

    [Fact]
    public void A_prefix_finds_its_keys_among_neighbours()
    {
        var keys = new[] { "a", "a/", "a/b", "a/b/c", "a/\U00010000", "a0", "b" };
        var tree = MetadataTree.Empty.Apply(Do([.. keys.Select(key => Put(key, "1"))])).Tree;
        foreach (var prefix in new[] { "", "a", "a/", "a/b", "a/b/", "a/b/c", "a/b/c/", "a/\U00010000", "0", "b", "z" })
        {
            Assert.Equal(keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal)), tree.Read(prefix).Values.Select(value => value.Key));
        }
    }

    [Fact]
    public void A_key_that_gets_a_lease_vanishes_from_what_lasts()
    {
        var tree = MetadataTree.Empty.Apply(Do(Put("a", "1"), Put("b", "1"), Put("c", "1"))).Tree.Grant(7);
        var outcome = tree.Apply(Do(MetadataOperation.Put("b", default(ReadOnlyMemory<byte>), 7), Delete("a"), Put("c", "2"), MetadataOperation.Put("d", default(ReadOnlyMemory<byte>), 7)));
        Assert.Equal(["b", "a"], outcome.Vanished);
        Assert.Empty(outcome.Tree.Apply(Do(Delete("b"), Put("d", "3"))).Vanished);
        Assert.Empty(outcome.Tree.EndLease(7).Vanished);
    }

    [Fact]
    public void A_lease_that_ends_deletes_what_goes_with_it_now()
    {
        var tree = MetadataTree.Empty.Grant(1).Grant(2);
        tree = tree.Apply(Do(Leased("a", 1), Leased("b", 1), Leased("c", 1), Leased("d", 1), Leased("e", 2))).Tree;
        tree = tree.Apply(Do(Leased("a", 2), Put("b", "1"), Delete("c"))).Tree;
        var end = tree.EndLease(1);
        Assert.Equal(["d"], end.Change!.Deletes);
        Assert.Equal(["a", "b", "e"], end.Tree.Read("").Values.Select(value => value.Key));
        Assert.Equal(["a", "e"], end.Tree.EndLease(2).Change!.Deletes);
        Assert.Equal(1, end.Tree.Apply(Do(Leased("x", 1))).MissingLease);
        Assert.Null(end.Tree.EndLease(1).Change);

        static MetadataOperation Leased(string key, long lease) => MetadataOperation.Put(key, new byte[3], lease);
    }

    [Fact]
    public void Skipped_revisions_are_not_used()
    {
        var tree = MetadataTree.Empty.Apply(Do(Put("a", "1"))).Tree.SkipRevisions(10);
        Assert.Equal(12, tree.Apply(Do(Put("a", "2")).When("a", 1)).Commit.Revision);
    }

    [Fact]
    public void Keys_are_compared_by_their_bytes()
    {
        var random = new Random(1);
        string[] pieces = ["", "a", "b", "\0", "\u007f", "\u0080", "é", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0001f600", "\U0010ffff"];
        for (var i = 0; i < 20_000; i++)
        {
            var (x, y) = (Key(), Key());
            var expected = Encoding.UTF8.GetBytes(x).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(y));
            Assert.True(Math.Sign(expected) == Math.Sign(MetadataKeyOrder.Instance.Compare(x, y)), $"'{x}' and '{y}'");
        }

        string Key() => string.Concat(Enumerable.Range(0, random.Next(4)).Select(_ => pieces[random.Next(pieces.Length)]));
    }

    [Fact]
    public void Random_histories_end_as_the_rules_say()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var transactions = new RandomTransactions(random, maxValueBytes: 100);
            var reference = new ReferenceStore(0, []);
            var tree = MetadataTree.Empty;
            var leases = new List<long>();
            for (var i = 0; i < 60; i++)
            {
                if (random.Next(10) == 0)
                {
                    leases.Add(i + 1);
                    reference.Grant(i + 1);
                    tree = tree.Grant(i + 1);
                }
                else if (random.Next(10) == 0 && leases.Count > 0)
                {
                    reference.Revoke(leases[0]);
                    tree = tree.EndLease(leases[0]).Tree;
                    leases.RemoveAt(0);
                }

                var transaction = transactions.Next(reference, leases);
                var expected = reference.Apply(transaction);
                var outcome = tree.Apply(transaction);
                tree = outcome.Tree;
                Assert.True(expected.Exactly() == outcome.Commit.Exactly(), $"seed {seed}, step {i}: {expected.Exactly()} <> {outcome.Commit.Exactly()}");
                Assert.True(reference.State == tree.Values.Exactly(), $"seed {seed}, step {i}: {reference.State} <> {tree.Values.Exactly()}");
                Assert.Equal(tree.Values.Sum(MetadataTree.Size), tree.Bytes);
            }
        }
    }
}
