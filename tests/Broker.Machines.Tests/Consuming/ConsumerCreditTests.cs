using Broker.Machines.Consuming;

namespace Broker.Machines.Tests.Consuming;

public class ConsumerCreditTests
{
    private readonly ConsumerCredit _credit = new(windowMessages: 100, windowBytes: 1_000);

    [Fact]
    public void Without_credit_of_the_client_nothing_is_granted()
    {
        Assert.Null(Grant());
        _credit.HandleCredit(5, 0);
        Assert.Null(Grant());
        _credit.HandleCredit(0, 50);
        Assert.Equal((5, 50), Grant());
        Assert.Null(Grant());
    }

    [Fact]
    public void Grant_is_bounded_by_the_window()
    {
        _credit.HandleCredit(1_000_000, 1_000_000);
        Assert.Equal((100, 1_000), Grant());
        Assert.Null(Grant());
    }

    [Fact]
    public void What_was_delivered_but_not_flushed_keeps_the_window_closed()
    {
        _credit.HandleCredit(1_000_000, 1_000_000);
        Grant();
        _credit.HandleDelivered(100, 900);
        Assert.Null(Grant());
        _credit.HandleFlushed(100, 900);
        Assert.Equal((100, 900), Grant());
    }

    [Fact]
    public void Small_increments_wait_for_a_quarter_of_the_window()
    {
        _credit.HandleCredit(1_000_000, 1_000_000_000);
        Grant();
        for (var i = 1; i < 25; i++)
        {
            _credit.HandleDelivered(1, 1);
            _credit.HandleFlushed(1, 1);
            Assert.Null(Grant());
        }

        _credit.HandleDelivered(1, 1);
        _credit.HandleFlushed(1, 1);
        Assert.Equal((25, 25), Grant());
    }

    [Fact]
    public void Small_increment_goes_at_once_when_the_queue_has_nothing_left()
    {
        _credit.HandleCredit(1, 10);
        Assert.Equal((1, 10), Grant());
        _credit.HandleDelivered(1, 10);
        _credit.HandleFlushed(1, 10);
        _credit.HandleCredit(1, 10);
        Assert.Equal((1, 10), Grant());
    }

    [Fact]
    public void Oversize_message_takes_bytes_below_zero_until_the_client_pays()
    {
        _credit.HandleCredit(10, 100);
        Assert.Equal((10, 100), Grant());
        _credit.HandleDelivered(1, 250);
        _credit.HandleFlushed(1, 250);
        Assert.Equal((9, -150), (_credit.ClientMessages, _credit.ClientBytes));
        Assert.Null(Grant());
        _credit.HandleCredit(0, 150);
        Assert.Null(Grant());
        _credit.HandleCredit(0, 1);
        Assert.Equal((0, 151), Grant());
    }

    [Fact]
    public void Oversize_message_for_the_window_is_paid_back_once_it_is_flushed()
    {
        _credit.HandleCredit(1_000, 1_000_000);
        Grant();
        _credit.HandleDelivered(1, 5_000);
        Assert.Null(Grant());
        _credit.HandleFlushed(1, 5_000);
        Assert.Equal((1, 5_000), Grant());
    }

    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData(1UL << 62)]
    [InlineData((1UL << 62) - 1)]
    public void Balance_saturates_at_its_ceiling(ulong increment)
    {
        for (var i = 0; i < 5; i++)
        {
            _credit.HandleCredit(increment, increment);
        }

        Assert.Equal((1L << 62, 1L << 62), (_credit.ClientMessages, _credit.ClientBytes));
        Assert.Equal((100, 1_000), Grant());
        _credit.HandleDelivered(1, 2_000);
        Assert.Equal((1L << 62) - 1, _credit.ClientMessages);
    }

    private (long Messages, long Bytes)? Grant() => _credit.TryTakeGrant(out var messages, out var bytes) ? (messages, bytes) : null;
}
