using System.Text;
using Broker.Machines.Cluster;

namespace Broker.Machines.Tests.Cluster;

public class ClusterCodecTests
{
    private static readonly string AssignmentText = """
        {"format":1,"shard":7,"epoch":12,"leader":{"node":"a","incarnation":"694d8a3f00000011"},
        "inSync":[{"node":"a","store":"01890000-0000-7000-8000-000000000001"},{"node":"ü","store":"01890000-0000-7000-8000-000000000002"}],
        "replicas":["ü","a","c"]}
        """.ReplaceLineEndings("");

    private static readonly string RegistrationText = """
        {"format":1,"name":"a","incarnation":"694d8a3f00000011","store":"01890000-0000-7000-8000-000000000001","zone":"east",
        "addresses":["a.example:7401","[::1]:7401"],"version":"0.1.0"}
        """.ReplaceLineEndings("");

    private static readonly ShardAssignment Assignment = new(
        7,
        12,
        new NodeLife("a", 0x694d8a3f00000011),
        [new ReplicaId("a", new Guid("01890000-0000-7000-8000-000000000001")), new ReplicaId("ü", new Guid("01890000-0000-7000-8000-000000000002"))],
        ["ü", "a", "c"]);

    private static readonly NodeRegistration Registration = new(
        "a", 0x694d8a3f00000011, new Guid("01890000-0000-7000-8000-000000000001"), "east", ["a.example:7401", "[::1]:7401"], "0.1.0");

    [Fact]
    public void An_assignment_is_written_as_documented_and_read_again()
    {
        Assert.Equal(AssignmentText, Encoding.UTF8.GetString(ShardAssignmentCodec.Write(Assignment)));
        Assert.Equal(Assignment, Read(AssignmentText));
        var leaderless = Assignment with { Leader = null };
        Assert.Equal(leaderless, ShardAssignmentCodec.Read(ShardAssignmentCodec.Write(leaderless)));
    }

    [Fact]
    public void A_registration_is_written_as_documented_and_read_again()
    {
        Assert.Equal(RegistrationText, Encoding.UTF8.GetString(NodeRegistrationCodec.Write(Registration)));
        Assert.Equal(Registration, NodeRegistrationCodec.Read(Encoding.UTF8.GetBytes(RegistrationText)));
    }

    [Fact]
    public void Unknown_members_are_passed_over()
    {
        var text = AssignmentText.Replace("\"shard\"", "\"later\":{\"x\":[1,{\"shard\":3}]},\"shard\"", StringComparison.Ordinal)
            .Replace("{\"node\":\"a\",\"store\"", "{\"more\":[null],\"node\":\"a\",\"store\"", StringComparison.Ordinal);
        Assert.Equal(Assignment, Read(text));
    }

    [Theory]
    [InlineData("", "", "it is no JSON: ")]
    [InlineData("}", "", "it is no JSON: ")]
    [InlineData("\"replicas\":[", "\"replicas\":[},", "it is no JSON: ")]
    [InlineData("\"format\":1", "\"format\":2", "its format is 2; this version of the broker reads 1. Start the newer version")]
    [InlineData("\"format\":1,", "", "it does not say its format")]
    [InlineData("\"shard\":7,", "", "it has no shard number of 0 or more")]
    [InlineData("\"shard\":7", "\"shard\":7,\"shard\":7", "member 'shard' comes twice")]
    [InlineData("\"shard\":7", "\"shard\":7.5", "a number is no 32-bit integer")]
    [InlineData("\"shard\":7", "\"shard\":\"7\"", "where a number is expected, there is String")]
    [InlineData("\"epoch\":12", "\"epoch\":0", "its epoch is 0; it must be at least 1")]
    [InlineData("\"epoch\":12", "\"epoch\":99999999999999999999", "a number is no 64-bit integer")]
    [InlineData("694d8a3f00000011", "x", "'x' is no number of a lease")]
    [InlineData("694d8a3f00000011", "f94d8a3f00000011", "'f94d8a3f00000011' is no number of a lease")]
    [InlineData(",\"incarnation\":\"694d8a3f00000011\"", "", "its leader has no incarnation")]
    [InlineData("{\"node\":\"a\",\"inc", "{\"node\":\"c\",\"inc", "its leader 'c' is not in sync")]
    [InlineData("000000000001", "00000000000", "'01890000-0000-7000-8000-00000000000' is no number of a store")]
    [InlineData("{\"node\":\"a\",\"store\"", "{\"node\":\"d\",\"store\"", "'d' is in sync and has no replica")]
    [InlineData("[\"ü\",\"a\",\"c\"]", "[\"ü\",\"a\",\"a\"]", "a node has two replicas")]
    [InlineData("[\"ü\",\"a\",\"c\"]", "[\"ü\",\"a\",\"\"]", "a replica has no node")]
    [InlineData("[\"ü\",\"a\",\"c\"]", "[]", "it has no replicas")]
    [InlineData("[\"ü\",\"a\",\"c\"]", "null", "where an array is expected, there is Null")]
    [InlineData("[\"ü\",\"a\",\"c\"]", "[\"\\ud800\"]", "a text is no valid Unicode")]
    [InlineData("\"c\"]}", "\"c\"]} x", "it is no JSON: ")]
    public void An_assignment_that_makes_no_sense_is_refused_with_the_reason(string part, string instead, string reason)
    {
        var text = part.Length == 0 ? instead : AssignmentText.Replace(part, instead, StringComparison.Ordinal);
        Assert.StartsWith(reason, Assert.Throws<ClusterFormatException>(() => Read(text)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"name\":\"a\",", "", "its name has 0 characters; 1 to 256 are possible")]
    [InlineData("a.example:7401", "a.example", "'a.example' is no address of the form host:port")]
    [InlineData("[::1]:7401", "::1:7401", "'::1:7401' is no address of the form host:port")]
    [InlineData("a.example:7401", "a.example:0", "'a.example:0' is no address of the form host:port")]
    [InlineData("[\"a.example:7401\",\"[::1]:7401\"]", "[]", "it has 0 addresses; 1 to 16 are possible")]
    [InlineData("\"incarnation\":\"694d8a3f00000011\",", "", "it has no incarnation")]
    [InlineData("\"store\":\"01890000-0000-7000-8000-000000000001\",", "", "it has no store")]
    public void A_registration_that_makes_no_sense_is_refused_with_the_reason(string part, string instead, string reason)
    {
        var text = RegistrationText.Replace(part, instead, StringComparison.Ordinal);
        Assert.Equal(reason, Assert.Throws<ClusterFormatException>(() => NodeRegistrationCodec.Read(Encoding.UTF8.GetBytes(text))).Message);
    }

    [Fact]
    public void The_smaller_values_are_written_as_documented_and_read_again()
    {
        var cluster = new ClusterInfo("berlin", 64, new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));
        var standing = new NodeStanding(NodeState.Draining, "east");
        var life = new NodeLife("a", 0x694d8a3f00000011);
        var replica = new ReplicaId("a", new Guid("01890000-0000-7000-8000-000000000001"));
        Assert.Equal("""{"format":1,"name":"berlin","shards":64,"created":"2026-01-02T03:04:05Z"}""", Encoding.UTF8.GetString(ClusterValues.Write(cluster)));
        Assert.Equal("""{"format":1,"state":"draining","zone":"east"}""", Encoding.UTF8.GetString(ClusterValues.Write(standing)));
        Assert.Equal("""{"format":1,"node":"a","incarnation":"694d8a3f00000011"}""", Encoding.UTF8.GetString(ClusterValues.Write(life)));
        Assert.Equal("""{"format":1,"node":"a","store":"01890000-0000-7000-8000-000000000001"}""", Encoding.UTF8.GetString(ClusterValues.Write(replica)));
        Assert.Equal("""{"format":1,"epoch":12}""", Encoding.UTF8.GetString(ClusterValues.WriteEpochFloor(12)));
        Assert.Equal(cluster, ClusterValues.ReadCluster(ClusterValues.Write(cluster)));
        Assert.Equal(standing, ClusterValues.ReadStanding(ClusterValues.Write(standing)));
        Assert.Equal(life, ClusterValues.ReadCoordinator(ClusterValues.Write(life)));
        Assert.Equal(replica, ClusterValues.ReadUncleanElection(ClusterValues.Write(replica)));
        Assert.Equal(12, ClusterValues.ReadEpochFloor(ClusterValues.WriteEpochFloor(12)));
    }

    [Theory]
    [InlineData("""{"format":1}""")]
    [InlineData("""{"format":2,"name":"a","shards":1,"created":"2026-01-02T03:04:05Z","node":"a","incarnation":"1","store":"01890000-0000-7000-8000-000000000001","state":"up"}""")]
    [InlineData("""{"format":1,"name":"a","shards":0,"created":"2026-01-02T03:04:05Z","node":"","incarnation":"1","store":"01890000-0000-7000-8000-000000000001","state":"dancing"}""")]
    public void Smaller_values_that_make_no_sense_are_refused(string text)
    {
        var value = Encoding.UTF8.GetBytes(text);
        Assert.Throws<ClusterFormatException>(() => ClusterValues.ReadCluster(value));
        Assert.Throws<ClusterFormatException>(() => ClusterValues.ReadStanding(value));
        Assert.Throws<ClusterFormatException>(() => ClusterValues.ReadCoordinator(value));
        Assert.Throws<ClusterFormatException>(() => ClusterValues.ReadUncleanElection(value));
    }

    [Fact]
    public void What_could_not_be_read_is_not_written()
    {
        Assert.Throws<ArgumentException>(() => ShardAssignmentCodec.Write(Assignment with { InSync = [] }));
        Assert.Throws<ArgumentException>(() => NodeRegistrationCodec.Write(Registration with { Name = "" }));
    }

    [Fact]
    public void Damaged_bytes_are_refused_and_nothing_else_happens()
    {
        var random = new Random(1);
        foreach (var whole in new[] { Encoding.UTF8.GetBytes(AssignmentText), Encoding.UTF8.GetBytes(RegistrationText) })
        {
            for (var length = 0; length < whole.Length; length++)
            {
                Assert.Throws<ClusterFormatException>(() => ShardAssignmentCodec.Read(whole.AsSpan(0, length)));
                Assert.Throws<ClusterFormatException>(() => NodeRegistrationCodec.Read(whole.AsSpan(0, length)));
            }

            for (var i = 0; i < 20_000; i++)
            {
                var damaged = whole.ToArray();
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
                ReadOrRefuse(() => ShardAssignmentCodec.Read(damaged));
                ReadOrRefuse(() => NodeRegistrationCodec.Read(damaged));
            }
        }
    }

    [Fact]
    public void Keys_say_which_shard_and_which_node()
    {
        Assert.Equal("shards/7", ClusterKeys.OfShard(7));
        Assert.Equal("nodes/berlin-1", ClusterKeys.OfNode("berlin-1"));
        Assert.Equal("nodes/a%2Fb", ClusterKeys.OfNode("a/b"));
        Assert.Equal("node-states/a%2Fb", ClusterKeys.OfStanding("a/b"));
        Assert.Equal("orders/unclean/7", ClusterKeys.OfUncleanElection(7));
        Assert.True(ClusterKeys.TryGetNode("nodes/a%2Fb", ClusterKeys.Nodes, out var node));
        Assert.Equal("a/b", node);
        Assert.All(["nodes/", "node-states/a"], key => Assert.False(ClusterKeys.TryGetNode(key, ClusterKeys.Nodes, out _)));
        Assert.True(ClusterKeys.TryGetShard("shards/63", out var shard));
        Assert.Equal(63, shard);
        Assert.All(["shards/", "shards/-1", "shards/07", "shards/7x", "shard/7", "nodes/7"], key => Assert.False(ClusterKeys.TryGetShard(key, out _)));
    }

    private static ShardAssignment Read(string text) => ShardAssignmentCodec.Read(Encoding.UTF8.GetBytes(text));

    private static void ReadOrRefuse(Action read)
    {
        try
        {
            read();
        }
        catch (ClusterFormatException)
        {
            // as it should be
        }
    }
}
