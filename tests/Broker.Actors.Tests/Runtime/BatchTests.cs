using Broker.Actors.Runtime;

namespace Broker.Actors.Tests.Runtime;

public sealed class BatchTests
{
    private readonly TestSystem _test = new();
    private readonly List<string> _log = [];

    [Fact]
    public void AfterBatch_is_called_once_after_the_messages_that_waited()
    {
        var actor = Start(throughput: 256);
        TellAll(actor, "a", "b", "c");

        Assert.Equal(["a", "b", "c", "batch"], _log);
    }

    [Fact]
    public void Actor_gives_way_after_its_throughput()
    {
        var first = Start(throughput: 2, prefix: "1");
        var second = Start(throughput: 2, prefix: "2");
        TellAll(first, run: false, "a", "b", "c");
        TellAll(second, "a");

        Assert.Equal(["1a", "1b", "1batch", "2a", "2batch", "1c", "1batch"], _log);
    }

    [Fact]
    public void AfterBatch_is_called_before_the_actor_stops()
    {
        var actor = Start(throughput: 256);
        TellAll(actor, "a", "stop", "never");

        Assert.Equal(["a", "stop", "batch", "PostStop"], _log);
    }

    [Fact]
    public void AfterBatch_is_not_called_for_a_batch_that_failed()
    {
        var actor = Start(throughput: 256);
        TellAll(actor, "a", "fail");

        Assert.Equal(["a", "fail", "PostStop"], _log);
    }

    [Fact]
    public void AfterBatch_is_not_called_without_a_message()
    {
        Start(throughput: 256);
        _test.Run();

        Assert.Empty(_log);
    }

    [Fact]
    public void Failure_in_AfterBatch_is_a_failure()
    {
        var script = new ActorScript { OnBatch = _ => throw new InvalidOperationException("in AfterBatch") };
        var actor = _test.Start(script);
        _test.Tell(actor, "a");

        Assert.Equal("in AfterBatch", Assert.Single(_test.Faults).Exception!.Message);
        Assert.Equal(2, script.Instances);
    }

    [Fact]
    public void Sender_in_AfterBatch_is_nobody()
    {
        ActorRef? sender = null;
        var actor = _test.Start(new ActorScript { OnBatch = self => sender = self.Its.Sender });
        _test.Tell(actor, "a", actor);

        Assert.Equal(_test.System.DeadLetters, sender);
    }

    private ActorRef Start(int throughput, string prefix = "")
    {
        var script = new ActorScript
        {
            OnReceive = (self, message) =>
            {
                _log.Add(prefix + message);
                if (message is "stop")
                {
                    self.Its.Stop(self.Its.Self);
                }
                else if (message is "fail")
                {
                    throw new InvalidOperationException("boom");
                }
            },
            OnBatch = _ => _log.Add(prefix + "batch"),
            OnStop = _ => _log.Add(prefix + "PostStop"),
        };
        var actor = _test.System.ActorOf(script.Props().WithThroughput(throughput));
        _test.Run();
        return actor;
    }

    private void TellAll(ActorRef actor, params string[] messages) => TellAll(actor, run: true, messages);

    private void TellAll(ActorRef actor, bool run, params string[] messages)
    {
        foreach (var message in messages)
        {
            actor.Tell(message);
        }

        if (run)
        {
            _test.Run();
        }
    }
}
