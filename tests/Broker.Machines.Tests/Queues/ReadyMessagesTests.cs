using Broker.Machines.Queues;
using Broker.Machines.Tests.Histories;
using Broker.Machines.Tests.Messages;

namespace Broker.Machines.Tests.Queues;

public class ReadyMessagesTests
{
    [Fact]
    public void Nothing_comes_out_of_none()
    {
        var ready = new ReadyMessages();
        Assert.False(ready.TryTake(out _));
        Assert.Empty(ready.Peek(5));
        Assert.Equal(0, ready.Clear());
    }

    /// <summary>Steps: 0..4 append so many squared, 5..9 take so many squared, 10..14 return every so manieth of those taken, 15 clear.</summary>
    [Fact]
    public void They_leave_by_position_whatever_comes_and_returns() => RandomHistories.Check(1_500, 60, random => random.Next(160) / 10, steps =>
    {
        var ready = new ReadyMessages();
        var model = new SortedDictionary<ulong, QueueEntry>();
        var taken = new List<QueueEntry>();
        var position = 0UL;
        foreach (var step in steps)
        {
            var amount = (step % 5) + 1;
            switch (step / 5)
            {
                case 0:
                    for (var i = amount * amount; i > 0; i--)
                    {
                        var entry = new QueueEntry(++position, TestMessages.Named("m", (int)(position % 7)), 0);
                        ready.Append(entry);
                        model.Add(position, entry);
                    }

                    break;
                case 1:
                    for (var i = amount * amount; i > 0; i--)
                    {
                        Assert.Equal(model.Count > 0, ready.TryTake(out var entry));
                        if (model.Count > 0)
                        {
                            Assert.Equal(model.First().Value, entry);
                            model.Remove(entry.Position);
                            taken.Add(entry);
                        }
                    }

                    break;
                case 2:
                    for (var i = taken.Count - 1; i >= 0; i -= amount)
                    {
                        ready.Return(taken[i]);
                        model.Add(taken[i].Position, taken[i]);
                        taken.RemoveAt(i);
                    }

                    break;
                default:
                    Assert.Equal(model.Count, ready.Clear());
                    model.Clear();
                    break;
            }

            Assert.Equal(model.Count, ready.Count);
            Assert.Equal(model.Values.Sum(e => (long)e.Message.SizeBytes), ready.SizeBytes);
            Same.Sequence(model.Values.Take(3), ready.Peek(3));
        }

        Assert.Equal(model.Values, ready.Peek(int.MaxValue));
    });
}
