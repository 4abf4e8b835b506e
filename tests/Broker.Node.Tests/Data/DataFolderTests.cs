using System.Net;
using System.Text.Json;
using Broker.Node.Data;

namespace Broker.Node.Tests.Data;

public sealed class DataFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_second_node_on_the_same_folder_is_refused_with_advice()
    {
        using var first = DataFolder.Open(_folder["data"]);

        var refusal = Assert.Throws<IOException>(() => DataFolder.Open(_folder["data"]));
        Assert.Contains("--data", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_was_let_go_can_be_taken_again()
    {
        DataFolder.Open(_folder["data"]).Dispose();
        using var again = DataFolder.Open(_folder["data"]);
        Assert.Equal(_folder["data"], again.FullPath);
    }

    [Fact]
    public void The_stateless_reset_key_survives_a_restart()
    {
        byte[] key;
        using (var first = DataFolder.Open(_folder["data"]))
        {
            key = first.ReadOrCreateStatelessResetKey();
        }

        using var second = DataFolder.Open(_folder["data"]);
        Assert.Equal(32, key.Length);
        Assert.Equal(key, second.ReadOrCreateStatelessResetKey());
    }

    [Fact]
    public void A_damaged_stateless_reset_key_is_reported()
    {
        using var data = DataFolder.Open(_folder["data"]);
        File.WriteAllBytes(_folder["data/stateless-reset.key"], [1, 2, 3]);

        var fault = Assert.Throws<InvalidDataException>(data.ReadOrCreateStatelessResetKey);
        Assert.Contains("stateless-reset.key", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0.0.0.0", "127.0.0.1")]
    [InlineData("::", "127.0.0.1")]
    [InlineData("::1", "::1")]
    [InlineData("10.1.2.3", "10.1.2.3")]
    public void The_address_note_names_an_address_to_connect_to(string listen, string noted)
    {
        using var data = DataFolder.Open(_folder["data"]);
        data.PublishAddress(new IPEndPoint(IPAddress.Parse(listen), 7411));

        using var note = JsonDocument.Parse(File.ReadAllBytes(_folder["data/node.json"]));
        Assert.Equal(noted, note.RootElement.GetProperty("host").GetString());
        Assert.Equal(7411, note.RootElement.GetProperty("port").GetInt32());

        data.WithdrawAddress();
        Assert.False(File.Exists(_folder["data/node.json"]));
    }
}
