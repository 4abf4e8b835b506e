using Broker.Actors.Runtime;

namespace Broker.Actors.Tests.Runtime;

public sealed class ReceiveTimeoutTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private readonly TestSystem _test = new();
    private readonly ActorScript _script = new()
    {
        OnStart = self =>
        {
            if (self.Instance == 1)
            {
                self.Its.SetReceiveTimeout(Second * 10);
            }
        },
        OnReceive = (self, message) =>
        {
            if (message is "off")
            {
                self.Its.SetReceiveTimeout(null);
            }
        },
    };

    [Fact]
    public void Idle_actor_is_told_again_and_again()
    {
        _test.Start(_script);
        _test.Advance(Second * 9);
        Assert.Equal(0, Timeouts());
        _test.Advance(Second);
        Assert.Equal(1, Timeouts());
        _test.Advance(Second * 10);
        Assert.Equal(2, Timeouts());
    }

    [Fact]
    public void Message_puts_it_off()
    {
        var actor = _test.Start(_script);
        _test.Advance(Second * 6);
        _test.Tell(actor, "busy");
        _test.Advance(Second * 9);
        Assert.Equal(0, Timeouts());
        _test.Advance(Second);
        Assert.Equal(1, Timeouts());
    }

    [Fact]
    public void Message_ahead_of_it_in_the_mailbox_puts_it_off()
    {
        var actor = _test.Start(_script);
        actor.Tell("busy");
        _test.Advance(Second * 10);

        Assert.Equal(0, Timeouts());
    }

    [Fact]
    public void It_can_be_switched_off()
    {
        var actor = _test.Start(_script);
        actor.Tell("off");
        _test.Advance(Second * 100);

        Assert.Equal(0, Timeouts());
        Assert.Equal(0, _test.Time.ActiveTimers);
    }

    [Fact]
    public void Restart_switches_it_off()
    {
        var actor = _test.Start(_script);
        _test.Tell(actor, new InvalidOperationException("boom"));
        _test.Advance(Second * 100);

        Assert.Equal(0, Timeouts());
    }

    private int Timeouts() => _script.Seen.Count(message => message is ReceiveTimeout);
}
