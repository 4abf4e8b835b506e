using Broker.Machines.Access;
using Broker.Machines.Publishing;
using Broker.Machines.Routing;
using Broker.Machines.Tests.Messages;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Tests.Publishing;

/// <summary>What a publisher may do decides before where its messages go.</summary>
public sealed class PublishAccessTests
{
    private readonly FakeRouter _router = new();
    private readonly CountedAccess _access = new();
    private readonly PublishStreamMachine _machine;
    private ulong _sequence;

    public PublishAccessTests()
    {
        _router.Set("x", "k", "q");
        _router.Set("y", "k", "q");
        _machine = new PublishStreamMachine(_router, new PublishStreamLimits(), access: _access);
        Assert.Null(_machine.HandleOpen());
    }

    [Fact]
    public void Message_that_may_not_be_published_is_rejected_and_the_stream_goes_on()
    {
        _access.Allow("^x$");
        Assert.Null(Publish("x"));
        Assert.Equal(ErrorCode.AccessRefused, Publish("y"));
        Assert.Equal(ErrorCode.AccessRefused, Publish("y"));
        Assert.Equal(ErrorCode.AccessRefused, Publish("none")); // whether it exists is nothing to whoever may not publish
        Assert.Null(Publish("x"));
        Assert.Equal(5, _machine.PublishedCount);
    }

    [Fact]
    public void Permission_is_looked_up_when_the_exchange_or_a_permission_changes_and_not_for_each_message()
    {
        _access.Allow(".*");
        for (var i = 0; i < 100; i++)
        {
            Assert.Null(Publish("x", i % 2 == 0 ? "k" : "another"));
        }

        Assert.Equal(1, _access.Asked);
        _router.Set("x", "k", "q2"); // routes that change are no change of permissions
        Assert.Null(Publish("x"));
        Assert.Equal(1, _access.Asked);
        _access.Allow("^y$");
        Assert.Equal(ErrorCode.AccessRefused, Publish("x"));
        Assert.Equal(ErrorCode.AccessRefused, Publish("x"));
        Assert.Equal(2, _access.Asked);
        Assert.Null(Publish("y"));
        _access.Allow(".*");
        Assert.Null(Publish("y"));
        Assert.Equal(4, _access.Asked);
    }

    [Theory]
    [InlineData(ExchangeKind.Topic, "a.b", null)]
    [InlineData(ExchangeKind.Topic, "b.a", ErrorCode.AccessRefused)]
    [InlineData(ExchangeKind.Direct, "b.a", null)] // keys matter at topic exchanges alone
    public void Keys_decide_where_a_topic_permission_is(ExchangeKind kind, string key, ErrorCode? expected)
    {
        var machine = new PublishStreamMachine(new OneExchange(kind), new PublishStreamLimits(), access: _access);
        Assert.Null(machine.HandleOpen());
        _access.Allow(".*", @"^a\.");
        Assert.Equal(expected, Publish(machine, "x", key));
        Assert.Null(Publish(machine, "x", "a.c"));
        Assert.Equal(expected, Publish(machine, "x", key)); // and not by what came before
        Assert.Equal(1, _access.Asked);
    }

    private ErrorCode? Publish(string exchange, string key = "k") => Publish(_machine, exchange, key);

    private ErrorCode? Publish(PublishStreamMachine machine, string exchange, string key)
    {
        var message = TestMessages.Encoded(exchange, key, "body", null);
        machine.BeginRead(message.Length, 0);
        Assert.Null(machine.HandlePublish(++_sequence, mandatory: false, durable: false, message));
        machine.TakeBatches([]);
        var others = new List<PublishOutcome>();
        machine.TakeOutcomes([], others);
        return others.Count == 0 ? null : Assert.Single(others).Fault.Code;
    }

    /// <summary>Permissions that a test sets. It counts how often they are asked for.</summary>
    private sealed class CountedAccess : IPublishAccess
    {
        private AccessRules _rules = new(DefaultPermissions.None, [], []);

        public long Version { get; private set; }

        public int Asked { get; private set; }

        public UserAccess Access
        {
            get
            {
                Asked++;
                return _rules.Of("u", "/");
            }
        }

        public void Allow(string write, string? keys = null)
        {
            Assert.True(NamePattern.TryParse(write, out var pattern, out _));
            TopicPermissions? topic = null;
            Assert.True(keys is null || TopicPermissions.TryParse("u", "/", "x", keys, "", out topic, out _));
            _rules = new AccessRules(DefaultPermissions.None, [new Permissions("u", "/", NamePattern.Nothing, pattern, NamePattern.Nothing)], topic is null ? [] : [topic]);
            Version++;
        }
    }

    /// <summary>A node with the exchange <c>x</c>, to which nothing is bound.</summary>
    private sealed class OneExchange(ExchangeKind kind) : IRouter
    {
        private readonly ExchangeMachine _exchange = new(new ExchangeDefinition("x", kind));

        public long Version => 1;

        public bool TryFind(string exchange, [System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out ExchangeRoutes routes)
        {
            routes = exchange == "x" ? _exchange.Snapshot() : null;
            return routes is not null;
        }

        public bool HasQueue(string queue) => false;

        public bool IsLedHere(string queue) => false;
    }
}
