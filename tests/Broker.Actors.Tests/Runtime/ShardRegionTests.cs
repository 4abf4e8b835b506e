using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;

namespace Broker.Actors.Tests.Runtime;

public sealed class ShardRegionTests
{
    private readonly TestSystem _test = new();
    private readonly Dictionary<string, ActorScript> _entities = [];
    private readonly Dictionary<string, ActorRef> _shardOf = [];
    private readonly ActorRef _region;

    public ShardRegionTests()
    {
        _region = ShardRegion.Start(_test.System, new ShardRegionOptions
        {
            TypeName = "queue",
            EntityProps = id => Script(id).Props(),
        });
        _test.Run();
    }

    [Fact]
    public void First_message_creates_the_entity_and_the_next_reaches_the_same()
    {
        _test.Tell(_region, new ShardEnvelope("orders", "one"));
        _test.Tell(_region, new ShardEnvelope("orders", "two"));

        Assert.Equal(["start", "one", "two"], Script("orders").Seen);
    }

    [Fact]
    public void Entity_stands_below_its_shard_under_its_encoded_name()
    {
        const string Id = "größe/ü 1";
        _test.Tell(_region, new ShardEnvelope(Id, "one"));

        Assert.NotNull(_test.System.GetHierarchy("/user/queue/53/gr%C3%B6%C3%9Fe%2F%C3%BC%201"));
    }

    [Fact]
    public async Task Sender_is_preserved()
    {
        var ask = _region.AskAsync<string>(new ShardEnvelope("echo", "hello"), TimeSpan.FromSeconds(1));
        _test.Run();

        Assert.Equal("hello to echo", await ask.WaitAsync(TestSystem.Patience));
    }

    [Fact]
    public void A_shard_that_is_reset_begins_anew_with_what_came_meanwhile()
    {
        _test.Tell(_region, new ShardEnvelope("orders", "one"));
        _test.Tell(_region, new ShardEnvelope("bills", "one"));
        Assert.NotEqual(_shardOf["orders"], _shardOf["bills"]);
        _region.Tell(new ResetShard(StableHash.ShardOf("orders", 64)));
        _region.Tell(new ShardEnvelope("orders", "two"));
        _region.Tell(new ResetShard(StableHash.ShardOf("orders", 64)));
        _region.Tell(new ShardEnvelope("orders", "three"));
        _region.Tell(new ShardEnvelope("bills", "two"));
        _test.Run();

        Assert.Equal(["start", "one", "stop", "start", "two", "three"], Script("orders").Seen);
        Assert.Equal(["start", "one", "two"], Script("bills").Seen);
        Assert.DoesNotContain(_test.DeadLetters, l => l.Reason == DeadLetterReason.BufferFull);
    }

    [Fact]
    public void What_waits_for_a_reset_is_bounded()
    {
        var region = ShardRegion.Start(_test.System, new ShardRegionOptions { TypeName = "small", ResetBuffer = 1, EntityProps = id => Script(id).Props() });
        _test.Tell(region, new ShardEnvelope("orders", "one"));
        region.Tell(new ResetShard(StableHash.ShardOf("orders", 64)));
        region.Tell(new ShardEnvelope("orders", "two"));
        region.Tell(new ShardEnvelope("orders", "three"));
        _test.Run();

        Assert.Equal(["start", "one", "stop", "start", "two"], Script("orders").Seen);
        var letter = Assert.Single(_test.DeadLetters, l => l.Reason == DeadLetterReason.BufferFull);
        Assert.Equal(("three", DeadLetterReason.BufferFull), (letter.Message, letter.Reason));
    }

    [Fact]
    public void To_reset_what_does_not_run_has_no_effect()
    {
        _region.Tell(new ResetShard(StableHash.ShardOf("orders", 64)));
        _region.Tell(new ResetShard(-1));
        _test.Tell(_region, new ResetShard(64));
        _test.Tell(_region, new ShardEnvelope("orders", "one"));

        Assert.Equal(["start", "one"], Script("orders").Seen);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("$")]
    [InlineData("😀")]
    public void Any_text_is_an_entity_id(string id)
    {
        _test.Tell(_region, new ShardEnvelope(id, "one"));

        Assert.Equal(["start", "one"], Script(id).Seen);
    }

    [Fact]
    public async Task Id_that_is_no_text_is_answered_with_its_error_and_harms_no_other_entity()
    {
        _test.Tell(_region, new ShardEnvelope("orders", "one"));
        var ask = _region.AskAsync<string>(new ShardEnvelope("\ud83d", "one"), TimeSpan.FromSeconds(1));
        _test.Run();

        await Assert.ThrowsAsync<ArgumentException>(() => ask.WaitAsync(TestSystem.Patience));
        Assert.Empty(_test.Faults);
    }

    [Fact]
    public void Entity_that_fails_restarts_after_a_back_off_and_keeps_its_messages()
    {
        _test.Tell(_region, new ShardEnvelope("orders", new InvalidOperationException("boom")));
        _test.Tell(_region, new ShardEnvelope("orders", "kept"));
        Assert.Equal(1, Script("orders").Instances);
        _test.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(2, Script("orders").Instances);
        Assert.Equal("kept", Script("orders").Seen[^1]);
    }

    [Fact]
    public void Entity_that_stopped_is_created_again_by_its_next_message()
    {
        _test.Tell(_region, new ShardEnvelope("orders", PoisonPill.Instance));
        _test.Tell(_region, new ShardEnvelope("orders", "again"));

        Assert.Equal(["start", "stop", "start", "again"], Script("orders").Seen);
    }

    [Fact]
    public void Shard_that_stopped_is_created_again_by_its_next_message()
    {
        _test.Tell(_region, new ShardEnvelope("orders", "one"));
        _test.System.Stop(_shardOf["orders"]);
        _test.Run();
        _test.Tell(_region, new ShardEnvelope("orders", "again"));

        Assert.Equal(["start", "one", "stop", "start", "again"], Script("orders").Seen);
    }

    [Fact]
    public async Task State_lists_shards_and_entities()
    {
        foreach (var id in new[] { "a", "foobar", "orders" })
        {
            _test.Tell(_region, new ShardEnvelope(id, "one"));
        }

        var state = await AskState(new GetShardRegionState());

        Assert.Equal(("queue", 64), (state.TypeName, state.ShardCount));
        Assert.Equal(
            [(27, 1, "a"), (43, 1, "foobar"), (57, 1, "orders")],
            state.Shards.Select(shard => (shard.ShardId, shard.EntityCount, string.Join(',', shard.EntityIds))));
        Assert.Equal(
            (1, 0),
            (await AskState(new GetShardRegionState(MaxEntitiesPerShard: 0))).Shards
                .Select(shard => (shard.EntityCount, shard.EntityIds.Count)).First());
    }

    [Fact]
    public async Task State_of_an_empty_region_is_empty() =>
        Assert.Empty((await AskState(new GetShardRegionState())).Shards);

    private async Task<ShardRegionState> AskState(GetShardRegionState query)
    {
        var ask = _region.AskAsync<ShardRegionState>(query, TimeSpan.FromSeconds(5));
        _test.Run();
        return await ask.WaitAsync(TestSystem.Patience);
    }

    private ActorScript Script(string id)
    {
        if (!_entities.TryGetValue(id, out var script))
        {
            script = new ActorScript
            {
                OnStart = self => _shardOf[id] = self.Its.Parent,
                OnReceive = (self, message) => self.Its.Sender.Tell($"{message} to {id}", self.Its.Self),
            };
            _entities.Add(id, script);
        }

        return script;
    }
}
