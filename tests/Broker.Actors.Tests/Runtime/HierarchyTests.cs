namespace Broker.Actors.Tests.Runtime;

public sealed class HierarchyTests
{
    private readonly TestSystem _test = new();

    public HierarchyTests()
    {
        var leaf = new ActorScript { OnStart = self => self.Its.Describe(() => "a leaf") };
        _test.Start(
            new ActorScript
            {
                OnStart = self =>
                {
                    self.Its.ActorOf(leaf.Props(), "y");
                    self.Its.ActorOf(leaf.Props(), "x");
                },
            },
            "parent");
    }

    [Fact]
    public void Tree_is_listed_from_the_root_ordered_by_name()
    {
        var root = _test.System.GetHierarchy()!;
        var user = Assert.Single(root.Children);
        var parent = Assert.Single(user.Children);

        Assert.Equal("/", root.Path.ToString());
        Assert.Equal("user", user.Name);
        Assert.Equal(["x", "y"], parent.Children.Select(child => child.Name));
        Assert.Equal(nameof(ScriptedActor), parent.TypeName);
        Assert.Equal(["a leaf", "a leaf"], parent.Children.Select(child => child.Detail));
    }

    [Fact]
    public void Depth_is_limited_and_children_below_are_counted()
    {
        var parent = _test.System.GetHierarchy("/user/parent", maxDepth: 0)!;

        Assert.Empty(parent.Children);
        Assert.Equal(2, parent.ChildCount);
    }

    [Fact]
    public void Unknown_path_has_no_tree() => Assert.Null(_test.System.GetHierarchy("/user/nobody"));

    [Fact]
    public void Messages_waiting_and_processed_are_counted()
    {
        var actor = _test.Start(new ActorScript(), "busy");
        _test.Tell(actor, "one");
        _test.Tell(actor, "two");
        actor.Tell("three");

        var node = _test.System.GetHierarchy("/user/busy")!;
        Assert.Equal((1, 2L), (node.MailboxLength, node.Processed));
    }

    [Fact]
    public void Detail_that_fails_does_not_fail_the_listing()
    {
        _test.Start(
            new ActorScript { OnStart = self => self.Its.Describe(() => throw new InvalidOperationException("boom")) }, "bad");

        Assert.Equal("(no detail: boom)", _test.System.GetHierarchy("/user/bad")!.Detail);
    }
}
