namespace Broker.Actors.Tests.Nodes;

public sealed class AdminArgumentTests
{
    [Theory]
    [InlineData("")]
    [InlineData("{\"depth\":32}")]
    [InlineData("{\"depth\":null}")]
    public async Task An_argument_that_is_not_given_has_its_default(string json)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();

        Assert.Contains(await admin.RunAsync("actor hierarchy", json), row => (string?)row["path"] == "/user/listener");
    }
}
