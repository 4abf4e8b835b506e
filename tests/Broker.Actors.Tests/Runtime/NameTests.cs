using Broker.Actors.Runtime;

namespace Broker.Actors.Tests.Runtime;

public sealed class NameTests
{
    private readonly TestSystem _test = new();

    [Fact]
    public void Name_is_unique_among_siblings()
    {
        _test.Start(new ActorScript(), "orders");

        var error = Assert.Throws<ActorNameException>(() => _test.Start(new ActorScript(), "orders"));
        Assert.Contains("/user", error.Message, StringComparison.Ordinal);
        Assert.Contains("'orders'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Name_is_free_when_Terminated_comes_and_the_new_actor_is_another()
    {
        ActorRef? second = null;
        var first = _test.Start(new ActorScript(), "orders");
        _test.Start(new ActorScript
        {
            OnStart = self => self.Its.Watch(first),
            OnReceive = (_, _) => second = _test.System.ActorOf(new ActorScript().Props(), "orders"),
        });
        _test.System.Stop(first);
        Assert.Throws<ActorNameException>(() => _test.System.ActorOf(new ActorScript().Props(), "orders"));
        _test.Run();

        Assert.NotNull(second);
        Assert.Equal(first.Path, second.Path);
        Assert.NotEqual(first, second);
        Assert.NotEqual(first.Path.Uid, second.Path.Uid);
    }

    [Fact]
    public void Actors_without_a_name_get_one()
    {
        var names = Enumerable.Range(0, 3).Select(_ => _test.Start(new ActorScript()).Path.Name).ToList();

        Assert.Equal(3, names.Distinct().Count());
        Assert.All(names, name => Assert.StartsWith("$", name, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("a b")]
    [InlineData("$1")]
    [InlineData("ü")]
    [InlineData("%4")]
    [InlineData("%zz")]
    public void Text_that_is_no_path_element_is_refused(string name) =>
        Assert.Throws<ArgumentException>(() => _test.System.ActorOf(new ActorScript().Props(), name));

    [Theory]
    [InlineData("", "@")]
    [InlineData("@", "%40")]
    [InlineData("orders", "orders")]
    [InlineData("a/b c", "a%2Fb%20c")]
    [InlineData("größe", "gr%C3%B6%C3%9Fe")]
    [InlineData("$x", "%24x")]
    [InlineData("😀", "%F0%9F%98%80")]
    public void Any_text_can_be_encoded_as_a_name(string text, string name)
    {
        Assert.Equal(name, ActorPath.EncodeName(text));
        ActorPath.ValidateName(name);
    }

    [Fact]
    public void Half_a_surrogate_pair_has_no_name() =>
        Assert.Throws<ArgumentException>(() => ActorPath.EncodeName("a\ud83d"));

    [Fact]
    public void Path_is_written_from_the_root()
    {
        ActorRef? child = null;
        _test.Start(new ActorScript { OnStart = self => child = self.Its.ActorOf(new ActorScript().Props(), "b") }, "a");

        Assert.Equal("/user/a/b", child!.Path.ToString());
        Assert.Equal("test", child.Path.SystemName);
    }
}
