using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;

namespace Broker.Actors.Tests.Runtime;

public sealed class PassivationTests
{
    private readonly TestSystem _test = new();
    private readonly ActorScript _entity;
    private readonly ActorRef _region;
    private ActorRef? _ref;
    private ActorRef? _shard;

    public PassivationTests()
    {
        _entity = new ActorScript
        {
            OnStart = self => (_ref, _shard) = (self.Its.Self, self.Its.Parent),
            OnReceive = Receive,
        };
        _region = ShardRegion.Start(_test.System, new ShardRegionOptions
        {
            TypeName = "queue",
            PassivationBuffer = 2,
            EntityProps = _ => _entity.Props(),
        });
        Send("passivate");
    }

    [Fact]
    public void Entity_gets_its_stop_message() => Assert.Equal(["start", "passivate", "end"], _entity.Seen);

    [Fact]
    public void Messages_that_come_meanwhile_bring_it_back()
    {
        Send("one");
        Send("two");
        Assert.Equal("end", _entity.Seen[^1]);
        Finish();

        Assert.Equal(["start", "passivate", "end", "finish", "stop", "start", "one", "two"], _entity.Seen);
        Assert.Empty(_test.DeadLetters);
    }

    [Fact]
    public void Without_messages_it_stays_away()
    {
        Finish();

        Assert.Equal("stop", _entity.Seen[^1]);
        Assert.Null(_test.System.GetHierarchy("/user/queue/57/orders"));
    }

    [Fact]
    public void Buffer_is_bounded()
    {
        Send("one");
        Send("two");
        Send("three");

        var letter = Assert.Single(_test.DeadLetters);
        Assert.Equal(("three", DeadLetterReason.BufferFull), (letter.Message, letter.Reason));
    }

    [Fact]
    public void Entity_that_does_not_stop_in_time_is_stopped()
    {
        Send("one");
        _test.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(["start", "passivate", "end", "stop", "start", "one"], _entity.Seen);
        Assert.Equal(0, _test.Time.ActiveTimers);
    }

    [Fact]
    public void Passivate_from_somebody_else_is_ignored()
    {
        Finish();
        Send("one");
        _test.Tell(_shard!, new Passivate("end"), _region);

        Assert.Equal("one", _entity.Seen[^1]);
    }

    private static void Receive(ScriptedActor self, object message)
    {
        switch (message)
        {
            case "passivate":
                self.Its.Parent.Tell(new Passivate("end"), self.Its.Self);
                break;
            case "finish":
                self.Its.Stop(self.Its.Self);
                break;
        }
    }

    private void Send(object message) => _test.Tell(_region, new ShardEnvelope("orders", message));

    private void Finish() => _test.Tell(_ref!, "finish");
}
