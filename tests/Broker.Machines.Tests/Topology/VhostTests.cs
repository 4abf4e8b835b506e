using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Tests.Topology;

public class VhostTests
{
    private readonly AppliedTopology _topology = new();

    [Theory]
    [InlineData("/", "q", "q")]
    [InlineData("v", "q", "v\u001fq")]
    [InlineData("v", "", "v\u001f")]
    [InlineData("/", "v\u001fq", "/\u001fv\u001fq")] // a name that looks like another vhost's stays in this one
    [InlineData("v", "w\u001fq", "v\u001fw\u001fq")]
    public void Name_with_its_vhost_is_one_text_and_two_again(string vhost, string name, string entity)
    {
        Assert.Equal(entity, EntityName.Of(vhost, name));
        Assert.Equal((vhost, name), (EntityName.VhostOf(entity), EntityName.LocalOf(entity)));
        Assert.Equal(EntityName.Of(vhost, "other"), EntityName.Beside(entity, "other"));
    }

    [Fact]
    public void Vhost_has_the_built_in_exchanges_and_names_of_its_own()
    {
        Assert.Equal(ErrorCode.NotFound, _topology.DeclareQueue(EntityName.Of("v", "q"))?.Code);
        Assert.Equal("there is no vhost 'v'", _topology.DeclareExchange(EntityName.Of("v", "x"), "direct")?.Reason);
        Assert.Null(_topology.Apply(_topology.Machine.PlanAddVhost(new VhostDefinition("v", "for tests"))));
        Assert.Equal(["/", "v"], _topology.Machine.Vhosts.Select(v => v.Name));
        Assert.Equal(TopologyNames.BuiltInExchanges.Select(e => EntityName.Of("v", e.Name)), _topology.Machine.Exchanges.Where(e => EntityName.VhostOf(e.Name) == "v").Select(e => e.Name));
        Assert.Null(_topology.DeclareQueue(EntityName.Of("v", "q")));
        Assert.Null(_topology.DeclareQueue("q", durable: false)); // another queue
        Assert.Null(_topology.Bind(new Binding(EntityName.Of("v", "amq.topic"), EntityName.Of("v", "q"), "#")));
        Assert.Null(_topology.DeclareExchange(EntityName.Of("v", "amq.direct"), "direct"));
        Assert.Equal(ErrorCode.AccessRefused, _topology.DeclareExchange(EntityName.Of("v", "amq.mine"), "direct")?.Code);
        Assert.Equal(ErrorCode.AccessRefused, _topology.DeleteExchange(EntityName.Of("v", "amq.direct"), ifUnused: false)?.Code);
        Assert.Equal(ErrorCode.AccessRefused, _topology.Bind(new Binding(EntityName.Of("v", ""), EntityName.Of("v", "q"), "q"))?.Code);
        Assert.Equal("queue 'q' is durable, not transient; delete it first or declare it as it is", _topology.DeclareQueue(EntityName.Of("v", "q"), durable: false)?.Reason);
        Assert.Equal("there is no queue 'r'", _topology.Bind(new Binding(EntityName.Of("v", "amq.topic"), EntityName.Of("v", "r"), "#"))?.Reason);
    }

    [Fact]
    public void Queue_without_a_name_needs_a_vhost_too()
    {
        Assert.Equal(ErrorCode.NotFound, _topology.DeclareNamedByServer(EntityName.Of("v", "amq.gen-1"))?.Code);
        _topology.Apply(_topology.Machine.PlanAddVhost(new VhostDefinition("v")));
        Assert.Null(_topology.DeclareNamedByServer(EntityName.Of("v", "amq.gen-1")));
    }

    [Theory]
    [InlineData("", ErrorCode.InvalidArgument)]
    [InlineData("a\u001fb", ErrorCode.InvalidArgument)]
    [InlineData("a\nb", ErrorCode.InvalidArgument)]
    [InlineData("amq.v", null)]
    [InlineData("/", null)]
    public void Name_of_a_vhost_is_any_text(string name, ErrorCode? code) => Assert.Equal(code, _topology.Machine.PlanAddVhost(new VhostDefinition(name)).Fault?.Code);

    [Fact]
    public void Adding_a_vhost_again_changes_nothing_and_must_not_describe_it_differently()
    {
        _topology.Apply(_topology.Machine.PlanAddVhost(new VhostDefinition("v", "one")));
        Assert.Equal(TopologyPlan.Nothing.Changes, _topology.Machine.PlanAddVhost(new VhostDefinition("v", "one")).Changes);
        Assert.Null(_topology.Machine.PlanAddVhost(new VhostDefinition("v")).Fault);
        Assert.Equal(ErrorCode.PreconditionFailed, _topology.Machine.PlanAddVhost(new VhostDefinition("v", "two")).Fault?.Code);
    }

    [Fact]
    public void Removing_a_vhost_removes_everything_in_it_and_nothing_else()
    {
        foreach (var vhost in new[] { "/", "v", "w" })
        {
            _topology.Apply(_topology.Machine.PlanAddVhost(new VhostDefinition(vhost)));
            string Of(string name) => EntityName.Of(vhost, name);
            _topology.DeclareQueue(Of("q"));
            _topology.DeclareExchange(Of("x"), "fanout");
            _topology.Declare(new ExchangeDeclaration(Of("y"), "fanout") { AutoDelete = true });
            Assert.Null(_topology.Bind(new Binding(Of("x"), Of("q"), "")));
            Assert.Null(_topology.Bind(new Binding(Of("y"), Of("q"), "")));
            Assert.Null(_topology.Bind(new Binding(Of("amq.direct"), Of("y"), "", DestinationKind.Exchange)));
            Assert.Null(_topology.Bind(new Binding(Of("x"), Of("amq.topic"), "", DestinationKind.Exchange)));
        }

        var rest = (_topology.Machine.Bindings.Where(b => EntityName.VhostOf(b.Exchange) != "v").ToList(), _topology.Machine.Exchanges.Where(e => EntityName.VhostOf(e.Name) != "v").ToList());
        Assert.False(_topology.Machine.IsVhostEmpty("v"));
        _topology.Changes();
        Assert.Null(_topology.Apply(_topology.Machine.PlanRemoveVhost("v")));
        Assert.Equal(new TopologyChange.VhostRemoved("v"), _topology.Changes()[^1]);
        Assert.Equal(rest.Item1, _topology.Machine.Bindings);
        Assert.Equal(rest.Item2, _topology.Machine.Exchanges);
        Assert.Equal(["q", "w\u001fq"], _topology.Machine.Queues.Select(q => q.Name));
        Assert.Empty(_topology.Machine.PlanRemoveVhost("v").Changes);
        Assert.Equal(ErrorCode.AccessRefused, _topology.Machine.PlanRemoveVhost("/").Fault?.Code);
    }
}
