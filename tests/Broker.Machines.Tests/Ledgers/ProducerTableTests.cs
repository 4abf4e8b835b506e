using Broker.Machines.Ledgers;
using Broker.Machines.Tests.Histories;
using Broker.Protocol;

namespace Broker.Machines.Tests.Ledgers;

public class ProducerTableTests
{
    [Fact]
    public void A_producer_that_never_published_is_at_zero() => Assert.Equal(0UL, new ProducerTable().LastSequenceOf("nobody"));

    [Fact]
    public void A_producer_never_goes_back()
    {
        var table = new ProducerTable();
        table.Set(new ProducerMark("shop", 7));
        table.Set(new ProducerMark("shop", 5));
        Assert.Equal(7UL, table.LastSequenceOf("shop"));
        table.Set(new ProducerMark("shop", 9));
        Assert.Equal(9UL, table.LastSequenceOf("shop"));
        Assert.Equal(1, table.Count);
    }

    [Fact]
    public void Names_differ_by_case()
    {
        var table = new ProducerTable();
        table.Set(new ProducerMark("shop", 7));
        Assert.Equal(0UL, table.LastSequenceOf("Shop"));
    }

    [Fact]
    public void What_was_refused_of_a_producer_adds_up()
    {
        var table = new ProducerTable();
        table.Set(new ProducerMark("shop", 3, RefusedSequences.Of(new SequenceRange(1, 2))));
        table.Set(new ProducerMark("bank", 9));
        table.Set(new ProducerMark("shop", 6));
        table.Set(new ProducerMark("shop", 9, RefusedSequences.Of(new SequenceRange(7, 7))));
        Assert.Equal("1-2 7-7", table.RefusedOf("shop")!.ToString());
        Assert.Null(table.RefusedOf("bank"));
        Assert.Equal(9UL, table.LastSequenceOf("shop"));
    }

    [Fact]
    public void Who_has_not_published_for_longest_is_forgotten_first()
    {
        var table = new ProducerTable(capacity: 3);
        table.Set(new ProducerMark("ann", 1));
        table.Set(new ProducerMark("bob", 1));
        table.Set(new ProducerMark("cid", 1));
        table.Set(new ProducerMark("ann", 2));
        table.Set(new ProducerMark("dan", 1));
        Assert.Equal([new ProducerMark("cid", 1), new ProducerMark("ann", 2), new ProducerMark("dan", 1)], table.Marks);
        Assert.Equal(0UL, table.LastSequenceOf("bob"));
    }

    [Fact]
    public void There_is_room_for_one()
    {
        var table = new ProducerTable(capacity: 1);
        table.Set(new ProducerMark("ann", 1));
        table.Set(new ProducerMark("bob", 4));
        Assert.Equal([new ProducerMark("bob", 4)], table.Marks);
    }

    /// <summary>A table that takes in the marks of another, in their order, goes on as that one does: so a restored ledger forgets the same producers.</summary>
    [Fact]
    public void It_knows_those_who_published_last() => RandomHistories.Check(
        1_500,
        60,
        random => new ProducerMark($"p{random.Next(8)}", (ulong)random.Next(1, 20)),
        steps =>
        {
            const int Capacity = 5;
            var table = new ProducerTable(Capacity);
            var model = new List<ProducerMark>(); // the one that published last is last
            foreach (var step in steps)
            {
                table.Set(step);
                var known = model.Find(m => m.Producer == step.Producer);
                model.Remove(known);
                model.Add(step with { LastSequence = Math.Max(step.LastSequence, known.LastSequence) });
                model.RemoveRange(0, Math.Max(0, model.Count - Capacity));

                Same.Sequence(model, table.Marks);
                Assert.Equal(model.Count, table.Count);
                for (var i = 0; i < 8; i++)
                {
                    Assert.Equal(model.Find(m => m.Producer == $"p{i}").LastSequence, table.LastSequenceOf($"p{i}"));
                }

                var copy = new ProducerTable(Capacity);
                foreach (var mark in table.Marks)
                {
                    copy.Set(mark);
                }

                Same.Sequence(model, copy.Marks);
            }
        });
}
