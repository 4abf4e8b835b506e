using Broker.Machines.Access;
using Broker.Protocol;

namespace Broker.Machines.Tests.Access;

public sealed class AccessRulesTests
{
    private const DefaultPermissions Full = DefaultPermissions.Full;
    private const DefaultPermissions None = DefaultPermissions.None;

    [Theory]
    [InlineData(Full, "", "/", true)] // without permissions of its own: all of '/'
    [InlineData(Full, "", "other", false)]
    [InlineData(None, "", "/", false)]
    [InlineData(Full, "other", "/", false)] // with some in any vhost, those count alone
    [InlineData(Full, "other", "other", true)]
    [InlineData(None, "/", "/", true)]
    [InlineData(None, "/", "other", false)]
    [InlineData(None, "/ other", "other", true)]
    public void User_may_enter_the_vhosts_in_which_it_has_permissions(DefaultPermissions byDefault, string has, string vhost, bool mayEnter)
    {
        var permissions = has.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(v => new Permissions("u", v, NamePattern.Nothing, NamePattern.Nothing, NamePattern.Nothing));
        var access = new AccessRules(byDefault, [.. permissions, new Permissions("another", "other", NamePattern.All, NamePattern.All, NamePattern.All)], []).Of("u", vhost);
        Assert.Equal(mayEnter ? null : ErrorCode.AccessRefused, access.Enter()?.Code);
        if (!mayEnter)
        {
            Assert.Contains($"user 'u' has no permissions in vhost '{vhost}'", access.Enter()!.Value.Reason, StringComparison.Ordinal);
            Assert.Equal(access.Enter(), access.ReadQueue("q"));
        }
    }

    [Fact]
    public void Permissions_of_one_user_and_vhost_are_those_of_no_other()
    {
        Assert.True(TopicPermissions.TryParse("u", "v", "x", "^k$", "", out var topic, out _));
        var rules = new AccessRules(
            None,
            [new Permissions("u", "v", NamePattern.All, NamePattern.All, NamePattern.All), new Permissions("u", "w", NamePattern.Nothing, NamePattern.All, NamePattern.Nothing)],
            [topic]);
        Assert.Null(rules.Of("u", "v").ReadQueue("q"));
        Assert.NotNull(rules.Of("u", "w").ReadQueue("q"));
        Assert.NotNull(rules.Of("v", "u").ReadQueue("q"));
        Assert.NotNull(rules.Of("u", "v").PublishTopic("x", "other"));
        Assert.Null(rules.Of("u", "w").PublishTopic("x", "other"));
    }

    [Theory]
    [InlineData(null, 1_000_000, false)]
    [InlineData(2L, 1, false)]
    [InlineData(2L, 2, true)]
    [InlineData(2L, 3, true)] // it was lowered
    [InlineData(0L, 0, true)]
    public void Limit_is_how_many_there_may_be(long? limit, long count, bool refused)
    {
        Assert.Equal(refused ? ErrorCode.PreconditionFailed : null, new VhostLimits("v", null, limit).CheckQueue("q", count)?.Code);
        Assert.Equal(refused ? ErrorCode.LimitExceeded : null, new VhostLimits("v", limit, null).CheckConnection(count)?.Code);
        Assert.Equal(refused ? ErrorCode.LimitExceeded : null, new UserLimits("u", limit).CheckConnection(count)?.Code);
    }
}
