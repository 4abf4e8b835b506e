using Broker.Machines.Ledgers;
using Broker.Machines.Tests.Histories;
using Broker.Protocol;

namespace Broker.Machines.Tests.Ledgers;

public class RefusedSequencesTests
{
    [Theory]
    [InlineData(1, SequenceOutcome.Forgotten)]
    [InlineData(4, SequenceOutcome.Forgotten)]
    [InlineData(5, SequenceOutcome.Taken)]
    [InlineData(6, SequenceOutcome.Refused)]
    [InlineData(8, SequenceOutcome.Refused)]
    [InlineData(9, SequenceOutcome.Taken)]
    [InlineData(20, SequenceOutcome.Refused)]
    [InlineData(21, SequenceOutcome.Taken)]
    public void It_knows_what_became_of_a_sequence(ulong sequence, SequenceOutcome expected) =>
        Assert.Equal(expected, RefusedSequences.Of(4, [new SequenceRange(6, 8), new SequenceRange(20, 20)]).OutcomeOf(sequence));

    [Fact]
    public void The_first_ranges_are_forgotten_when_there_are_too_many()
    {
        var ranges = Enumerable.Range(1, RefusedSequences.MaxRanges + 3).Select(i => new SequenceRange((ulong)i * 10, ((ulong)i * 10) + 2)).ToList();
        var refused = RefusedSequences.Of(5, ranges);
        Assert.Equal((32UL, RefusedSequences.MaxRanges, 40UL), (refused.ForgottenUpTo, refused.Ranges.Count, refused.Ranges[0].First));
        Assert.Equal(5UL, RefusedSequences.Of(5, ranges[3..]).ForgottenUpTo);
    }

    /// <summary>Sequences come in order, and each is taken or refused.</summary>
    [Fact]
    public void One_by_one_or_all_at_once_the_same_is_known() => RandomHistories.Check(
        2_000,
        400,
        random => random.Next(3) == 0,
        steps =>
        {
            RefusedSequences? known = null;
            var all = new List<SequenceRange>();
            for (var i = 0; i < steps.Count; i++)
            {
                if (steps[i] && (i + 1 == steps.Count || !steps[i + 1]))
                {
                    var first = i;
                    while (first > 0 && steps[first - 1])
                    {
                        first--;
                    }

                    all.Add(new SequenceRange((ulong)first + 1, (ulong)i + 1));
                    known = known?.And(RefusedSequences.Of(all[^1])) ?? RefusedSequences.Of(all[^1]);
                }
            }

            if (known is null)
            {
                return;
            }

            Assert.Equal(RefusedSequences.Of(0, all).ToString(), known.ToString());
            for (var i = 0; i < steps.Count; i++)
            {
                var expected = (ulong)i + 1 <= known.ForgottenUpTo ? SequenceOutcome.Forgotten : steps[i] ? SequenceOutcome.Refused : SequenceOutcome.Taken;
                Assert.Equal(expected, known.OutcomeOf((ulong)i + 1));
            }
        });
}
