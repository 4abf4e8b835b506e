using Broker.Machines.Direct;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Messages;

namespace Broker.Machines.Tests.Direct;

public class InboxMachineTests
{
    private static readonly int s_size = TestMessages.Encoded("x", "k", "1").Length;

    [Fact]
    public void Messages_come_as_far_as_both_credits_go_and_in_order()
    {
        var inbox = new InboxMachine(maxMessages: 100, maxBytes: 1 << 20);
        inbox.HandleMessages(Messages("1", "2", "3", "4"));
        Assert.Empty(inbox.TakeDeliveries(int.MaxValue));
        inbox.HandleGrant(2, 1 << 20);
        Assert.Equal(["1:1", "2:2"], Text(inbox.TakeDeliveries(int.MaxValue)));
        inbox.HandleGrant(10, 0);
        Assert.Equal(["3:3", "4:4"], Text(inbox.TakeDeliveries(int.MaxValue)));
        Assert.Equal((0, 0L, 0L), (inbox.Count, inbox.SizeBytes, inbox.DroppedCount));
    }

    [Fact]
    public void Bytes_may_be_overdrawn_by_one_message()
    {
        var inbox = new InboxMachine(maxMessages: 100, maxBytes: 1 << 20);
        inbox.HandleMessages(Messages("1", "2"));
        inbox.HandleGrant(10, 1);
        Assert.Equal(["1:1"], Text(inbox.TakeDeliveries(int.MaxValue)));
        inbox.HandleGrant(0, s_size);
        Assert.Equal(["2:2"], Text(inbox.TakeDeliveries(int.MaxValue)));
    }

    [Theory]
    [InlineData(2, 1 << 20, 2)]
    [InlineData(100, 1, 1)]
    [InlineData(100, 20, 0)] // so many as fit, and one more
    public void What_comes_while_it_is_full_is_dropped(int maxMessages, long maxBytes, int kept)
    {
        kept = kept > 0 ? kept : (20 + s_size - 1) / s_size;
        var inbox = new InboxMachine(maxMessages, maxBytes);
        inbox.HandleMessages(Messages("1", "2", "3", "4", "5", "6", "7", "8"));
        Assert.Equal((kept, 8L - kept), (inbox.Count, inbox.DroppedCount));
        inbox.HandleGrant(100, 1 << 20);
        Assert.Equal(Enumerable.Range(1, kept).Select(i => $"{i}:{i}"), Text(inbox.TakeDeliveries(int.MaxValue)));
        inbox.HandleMessages(Messages("9"));
        Assert.Equal([$"9:{kept + 1}"], Text(inbox.TakeDeliveries(int.MaxValue)));
    }

    [Fact]
    public void A_message_that_is_too_long_for_the_client_is_dropped_and_costs_no_credit()
    {
        var inbox = new InboxMachine(maxMessages: 100, maxBytes: 1 << 20);
        inbox.HandleMessages(Messages(new string('x', 500), "2"));
        inbox.HandleGrant(1, 100);
        Assert.Equal(["2:1"], Text(inbox.TakeDeliveries(maxMessageBytes: 100)));
        Assert.Equal(1, inbox.DroppedCount);
    }

    private static StoredMessage[] Messages(params string[] bodies) => [.. bodies.Select(b => new StoredMessage(TestMessages.Encoded("x", "k", b), MessageTraits.None))];

    private static IEnumerable<string> Text(IReadOnlyList<Delivery> deliveries) => deliveries.Select(d => $"{TestMessages.BodyOf(d.Entry.Message.Bytes.Span)}:{d.Tag}");
}
